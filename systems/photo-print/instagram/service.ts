import { service } from '@banyan/banyan';
import { makePicture } from '../pictures/picture.ts';
import { instagram } from './contract.ts';
import { postsOf } from './posts.ts';

/** Stands in for Instagram while developing and testing: every account exists except those that `postsOf` names. */
export const instagramService = service(instagram, {
  operations: {
    async listPosts({ account }, { fail }) {
      const posts = postsOf(account) ?? fail('accountNotFound');
      return { posts: posts.map(({ postId }) => ({ postId })) };
    },

    async getImage({ account, postId }, { fail }) {
      const post = postsOf(account)?.find((candidate) => candidate.postId === postId) ?? fail('postNotFound');
      const body = await makePicture({ seed: post.postId, width: post.width, height: post.height });
      return { contentType: 'image/jpeg', length: body.length, body };
    },
  },
});

import { binary, contract, operation } from '@banyan/banyan';
import { z } from 'zod';

export const AccountName = z
  .string()
  .toLowerCase()
  .regex(/^[a-z0-9._]{1,30}$/, 'must be an Instagram account name');
const PostId = z.string().regex(/^[A-Za-z0-9_-]{1,40}$/);

/** What we need of Instagram. The development stand-in keeps it; an adapter to the real one would keep the same. */
export const instagram = contract('instagram', {
  version: '1.0.0',
  description: "A photo network's public interface, as far as importing needs it.",
  operations: {
    listPosts: operation('GET /instagram/:account/posts', {
      summary: 'The pictures of an account, newest first.',
      input: z.object({ account: AccountName }),
      output: z.object({ posts: z.array(z.object({ postId: PostId })).max(50) }),
      errors: { accountNotFound: { status: 404 } },
    }),
    getImage: operation('GET /instagram/:account/posts/:postId/image', {
      input: z.object({ account: AccountName, postId: PostId }),
      output: binary({ types: ['image/jpeg'] }),
      errors: { postNotFound: { status: 404 } },
    }),
  },
});

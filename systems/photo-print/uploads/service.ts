import { onRefusal, service } from '@banyan/banyan';
import { z } from 'zod';
import { instagram } from '../instagram/contract.ts';
import { customerOf } from '../vocabulary/customer.ts';
import { nextPage } from '../vocabulary/page.ts';
import { addPhoto } from './add-photo.ts';
import { type Photo, uploads } from './contract.ts';
import { findPhoto } from './find-photo.ts';
import { createPhotoStore, type PhotoStore } from './photo-store.ts';

const cacheControl = 'private, max-age=3600';

// Beside the system's other data, so that `banyan reset` removes it too.
export const uploadsService = service(uploads, {
  uses: { instagram },
  config: z.object({
    storageFolder: z.string().optional(),
    maxImports: z.int().min(1).max(50).default(12),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async uploadPhoto(_input, { upload, caller, idempotencyKey, config, dataFolder, tx, signal, fail }) {
      const store = storeOf({ config, dataFolder });
      const origin = { ownerId: customerOf(caller), source: 'upload', sourceItem: idempotencyKey } as const;
      const result = await addPhoto(upload.body, origin, { store, tx, signal });
      switch (result.verdict) {
        case 'added':
          return result.photo;
        case 'notAnImage':
          return fail('notAnImage');
        case 'differs':
          return fail('idempotencyKeyReused');
        case 'tooManyPixels':
          return fail('tooManyPixels', { pixels: result.pixels, maxPixels: result.maxPixels });
      }
    },

    async importPhotos(
      { source, account },
      { call, caller, config, dataFolder, sql, tx, signal, log, fail },
    ) {
      const store = storeOf({ config, dataFolder });
      const ownerId = customerOf(caller);
      const { posts } = await call.instagram
        .listPosts({ account })
        .catch(onRefusal(instagram.operations.listPosts, 'accountNotFound', () => fail('accountNotFound')));

      const photos: Photo[] = [];
      for (const { postId } of posts.slice(0, config.maxImports)) {
        const sourceItem = `${account}/${postId}`;
        const [earlier] = await sql<Photo>`
          select photo_id, width, height, bytes from photos
          where owner_id = ${ownerId} and source = ${source} and source_item = ${sourceItem}`;
        if (earlier !== undefined) {
          photos.push(earlier);
          continue;
        }
        const image = await call.instagram.getImage({ account, postId });
        const result = await addPhoto(image.body, { ownerId, source, sourceItem }, { store, tx, signal });
        if (result.verdict === 'added') photos.push(result.photo);
        else log.warn('A post is no photo that can be printed.', { sourceItem, verdict: result.verdict });
      }
      return { photos };
    },

    async listPhotos({ limit, before }, { caller, sql }) {
      const photos = await sql<Photo & { uploadedAt: string }>`
        select photo_id, width, height, bytes, uploaded_at from photos
        where owner_id = ${customerOf(caller)} and photo_id < ${before}
        order by photo_id desc
        limit ${limit}`;
      const ids = photos.map(({ photoId }) => photoId);
      return { photos, ...nextPage(ids, limit) };
    },

    async getPhoto({ photoId }, { caller, config, dataFolder, sql, fail }) {
      const photo = (await findPhoto(sql, photoId, customerOf(caller))) ?? fail('photoNotFound');
      return {
        contentType: photo.type,
        length: photo.bytes,
        body: storeOf({ config, dataFolder }).readPhoto(photoId),
        etag: photo.checksum,
        cacheControl,
      };
    },

    async getThumbnail({ photoId }, { caller, config, dataFolder, sql, fail }) {
      const photo = (await findPhoto(sql, photoId, customerOf(caller))) ?? fail('photoNotFound');
      return {
        contentType: 'image/webp',
        body: await storeOf({ config, dataFolder }).readThumbnail(photoId),
        etag: `${photo.checksum}-thumbnail`,
        cacheControl,
      };
    },

    async describePhoto({ photoId }, { caller, sql, fail }) {
      return (await findPhoto(sql, photoId, customerOf(caller))) ?? fail('photoNotFound');
    },
  },
});

interface Storage {
  readonly config: { readonly storageFolder?: string | undefined };
  /** For a service that was given no folder. */
  readonly dataFolder: string;
}

function storeOf({ config, dataFolder }: Storage): PhotoStore {
  return createPhotoStore(config.storageFolder ?? dataFolder);
}

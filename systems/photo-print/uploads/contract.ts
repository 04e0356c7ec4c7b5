import { binary, contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { AccountName } from '../instagram/contract.ts';
import { PageRequest } from '../vocabulary/page.ts';
import { Id, Timestamp } from '../vocabulary/text.ts';
import { photoTypes } from './photo-type.ts';

const PhotoRef = z.object({ photoId: Id });

const Photo = z.object({
  photoId: Id,
  /** In pixels, the way the picture is meant to be looked at. */
  width: z.int(),
  height: z.int(),
  bytes: z.int(),
});
export type Photo = z.infer<typeof Photo>;

// The same answer for a photo that does not exist and for one that is somebody else's.
const photoNotFound = { photoNotFound: { status: 404 } };

export const uploads = contract('uploads', {
  version: '1.0.0',
  description: "The customers' photos.",
  operations: {
    uploadPhoto: operation('POST /photos', {
      summary: 'Keeps a photo; the body is the file.',
      input: z.object({}),
      upload: binary({ types: photoTypes, maxBytes: 30 * 1024 * 1024 }),
      output: Photo,
      errors: {
        notAnImage: { status: 415, description: 'Not a readable JPEG, PNG or WebP file.' },
        idempotencyKeyReused: { status: 422, description: 'The key belongs to a different photo.' },
        tooManyPixels: { status: 422, data: z.object({ pixels: z.int(), maxPixels: z.int() }) },
      },
      location: '/photos/{photoId}',
      timeoutMs: 120_000,
    }),
    importPhotos: operation('POST /photo-imports', {
      summary: 'Copies photos from another network; repeating it copies only what is new.',
      input: z.object({
        source: z.literal('instagram'),
        account: AccountName,
      }),
      output: z.object({ photos: z.array(Photo) }),
      errors: { accountNotFound: { status: 404 } },
      status: 201,
      idempotent: true,
      timeoutMs: 60_000,
    }),
    listPhotos: operation('GET /photos', {
      summary: 'The photos of whoever asks, newest first.',
      input: PageRequest,
      output: z.object({
        photos: z.array(Photo.extend({ uploadedAt: Timestamp })),
        next: Id.optional(),
      }),
    }),
    getPhoto: operation('GET /photos/:photoId', {
      summary: 'The file as it was uploaded.',
      input: PhotoRef,
      output: binary({ types: photoTypes, maxBytes: 30 * 1024 * 1024 }),
      errors: photoNotFound,
      timeoutMs: 60_000,
    }),
    getThumbnail: operation('GET /photos/:photoId/thumbnail', {
      summary: 'At most 400 pixels wide and high.',
      input: PhotoRef,
      output: binary({ types: ['image/webp'] }),
      errors: photoNotFound,
    }),
    describePhoto: operation('GET /photos/:photoId/description', {
      input: PhotoRef,
      output: Photo,
      errors: photoNotFound,
    }),
  },
});

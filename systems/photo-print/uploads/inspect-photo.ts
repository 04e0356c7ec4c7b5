import { isServiceError } from '@banyan/banyan';
import sharp from 'sharp';
import type { IncomingFile } from './photo-store.ts';
import type { PhotoType } from './photo-type.ts';
import { makeThumbnail, maxPixels } from './thumbnail.ts';

export type Inspection =
  | {
      readonly verdict: 'photo';
      readonly type: PhotoType;
      /** In pixels, as turned by the camera's orientation mark. */
      readonly width: number;
      readonly height: number;
    }
  | { readonly verdict: 'notAnImage' }
  | { readonly verdict: 'tooManyPixels'; readonly pixels: number; readonly maxPixels: number };

/** Finds out whether a file is a photo that can be printed, and makes its thumbnail on the way. */
export async function inspectPhoto(file: IncomingFile): Promise<Inspection> {
  if (file.type === undefined) return { verdict: 'notAnImage' };
  try {
    // Reads the header only, so the size of a decompression bomb is known before it goes off.
    const { autoOrient, mediaType } = await sharp(file.path, { limitInputPixels: false }).metadata();
    const { width, height } = autoOrient;
    if (width * height > maxPixels) {
      return { verdict: 'tooManyPixels', pixels: width * height, maxPixels };
    }
    if (mediaType !== file.type) return { verdict: 'notAnImage' };
    await makeThumbnail(file.path, file.thumbnailPath);
    return { verdict: 'photo', type: file.type, width, height };
  } catch (error) {
    // Too many photos at once; everything else is the decoder saying that this is no photo.
    if (isServiceError(error)) throw error;
    return { verdict: 'notAnImage' };
  }
}

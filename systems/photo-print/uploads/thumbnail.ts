import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createBulkhead } from '@banyan/banyan';
import sharp from 'sharp';

const maxSidePixels = 400;
/** Files with more pixels are refused by what their header says, before anything is decoded. */
export const maxPixels = 100_000_000;

// A large WebP takes 4 bytes per pixel while it is decoded.
const decoding = createBulkhead({ maxConcurrent: 2, maxQueued: 200 });

/**
 * Decodes the photo at `sourcePath`, all of it, and writes its thumbnail to `targetPath` in one step: readers see all or nothing.
 * Rejects, leaving nothing, if the photo is damaged.
 */
export async function makeThumbnail(sourcePath: string, targetPath: string): Promise<void> {
  const temporaryPath = `${targetPath}.${randomUUID()}`;
  await mkdir(dirname(targetPath), { recursive: true });
  try {
    await decoding.run(() =>
      sharp(sourcePath, { limitInputPixels: maxPixels, failOn: 'error' })
        .autoOrient()
        .resize(maxSidePixels, maxSidePixels, { fit: 'inside', withoutEnlargement: true })
        .webp({ quality: 80 })
        .toFile(temporaryPath),
    );
    await rename(temporaryPath, targetPath);
  } catch (error) {
    await rm(temporaryPath, { force: true });
    throw error;
  }
}

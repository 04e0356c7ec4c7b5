import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type PhotoType, photoTypeOf, signatureBytes } from './photo-type.ts';
import { makeThumbnail } from './thumbnail.ts';
import { untilAborted } from './until-aborted.ts';

/** A file that has come in and belongs to nobody yet. */
export interface IncomingFile {
  readonly path: string;
  readonly thumbnailPath: string;
  /** Undefined if it is none of ours; the rest of such a file has not been read. */
  readonly type: PhotoType | undefined;
  readonly bytes: number;
  /** SHA-256, hexadecimal. */
  readonly checksum: string;
}

/** Photos and thumbnails as files. A name below `photos/` or `thumbnails/` is always a complete file. */
export interface PhotoStore {
  /** Writes a stream to a file of its own. Rejects, leaving nothing, if the stream breaks off or `signal` aborts. */
  receive(body: AsyncIterable<Uint8Array> | Uint8Array, signal: AbortSignal): Promise<IncomingFile>;
  /** Gives the file and its thumbnail their lasting names. */
  keep(incoming: IncomingFile, photoId: string): Promise<void>;
  /** Removes what `receive` wrote, unless it was kept. */
  discard(incoming: IncomingFile): Promise<void>;
  readPhoto(photoId: string): AsyncIterable<Uint8Array>;
  /** Makes the thumbnail again if its file is gone: it is only a cache. */
  readThumbnail(photoId: string): Promise<AsyncIterable<Uint8Array>>;
}

export function createPhotoStore(folder: string): PhotoStore {
  return new FolderPhotoStore(resolve(folder));
}

class FolderPhotoStore implements PhotoStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async receive(body: AsyncIterable<Uint8Array> | Uint8Array, signal: AbortSignal): Promise<IncomingFile> {
    await Promise.all(
      ['incoming', 'photos', 'thumbnails'].map((name) =>
        mkdir(join(this.#folder, name), { recursive: true }),
      ),
    );
    const path = join(this.#folder, 'incoming', randomUUID());
    const reading = readPhotoStream(body instanceof Uint8Array ? [body] : untilAborted(body, signal));
    try {
      await pipeline(reading.chunks, createWriteStream(path, { flags: 'wx' }));
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    return { path, thumbnailPath: `${path}.thumbnail`, ...reading.summary() };
  }

  async keep(incoming: IncomingFile, photoId: string): Promise<void> {
    await rename(incoming.thumbnailPath, this.#thumbnailPath(photoId));
    await rename(incoming.path, this.#photoPath(photoId));
  }

  async discard(incoming: IncomingFile): Promise<void> {
    await Promise.all([incoming.path, incoming.thumbnailPath].map((path) => rm(path, { force: true })));
  }

  readPhoto(photoId: string): AsyncIterable<Uint8Array> {
    return readLazily(this.#photoPath(photoId));
  }

  async readThumbnail(photoId: string): Promise<AsyncIterable<Uint8Array>> {
    const path = this.#thumbnailPath(photoId);
    if (!(await exists(path))) await makeThumbnail(this.#photoPath(photoId), path);
    return readLazily(path);
  }

  #photoPath(photoId: string): string {
    return join(this.#folder, 'photos', photoId);
  }

  #thumbnailPath(photoId: string): string {
    return join(this.#folder, 'thumbnails', `${photoId}.webp`);
  }
}

/** Passes a stream on while counting and hashing it; ends it early once its first bytes are no photo's. */
function readPhotoStream(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
  const hash = createHash('sha256');
  let head = Buffer.alloc(0);
  let bytes = 0;
  async function* chunks() {
    for await (const chunk of body) {
      if (head.length < signatureBytes) {
        head = Buffer.concat([head, chunk]);
        if (head.length >= signatureBytes && photoTypeOf(head) === undefined) return;
      }
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  }
  return {
    chunks,
    summary: () => ({ type: photoTypeOf(head), bytes, checksum: hash.digest('hex') }),
  };
}

/** Opens the file when it is first read, so that an answer without a body (304) leaves nothing open. */
async function* readLazily(path: string): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(path)) yield chunk as Uint8Array;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

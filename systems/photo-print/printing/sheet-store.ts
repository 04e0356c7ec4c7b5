import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

export interface StoredSheet {
  readonly length: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Sheets as files, one per order. A sheet is there completely or not at all. */
export interface SheetStore {
  write(orderId: string, sheet: Uint8Array): Promise<void>;
  read(orderId: string): Promise<StoredSheet>;
}

export function createSheetStore(storageFolder: string): SheetStore {
  const folder = resolve(storageFolder);
  const pathOf = (orderId: string) => join(folder, `${orderId}.pdf`);
  return {
    async write(orderId, sheet) {
      await mkdir(folder, { recursive: true });
      const temporaryPath = join(folder, `.${randomUUID()}`);
      try {
        await writeFile(temporaryPath, sheet);
        await rename(temporaryPath, pathOf(orderId));
      } catch (error) {
        await rm(temporaryPath, { force: true });
        throw error;
      }
    },
    async read(orderId) {
      const path = pathOf(orderId);
      return { length: (await stat(path)).size, body: readLazily(path) };
    },
  };
}

/** Opens the file when it is first read, so that an answer without a body (304) leaves nothing open. */
async function* readLazily(path: string): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(path)) yield chunk as Uint8Array;
}

import type { Operation, Upload } from '@banyan/contract';
import { checkUpload } from '../http/upload.ts';

/** The bytes that a call sends, and whether any have left: those cannot be sent again. */
export interface CallUpload {
  readonly upload: Upload;
  readonly begun: boolean;
}

/** Undefined for an operation without upload. @throws ServiceError `invalid_argument` if it is not what the operation takes */
export function createCallUpload(operation: Operation, upload: Upload | undefined): CallUpload | undefined {
  if (operation.upload === undefined) return undefined;
  const checked = checkUpload(upload, operation.upload);
  const watched = { begun: false, upload: { ...checked, body: watch(checked.body) } };
  async function* watch(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    watched.begun = true;
    yield* body;
  }
  return watched;
}

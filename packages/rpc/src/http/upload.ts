import type { IncomingMessage } from 'node:http';
import type { Binary, Upload } from '@banyan/contract';
import { bodyCutOff, bodyTooLarge, missingUpload, unsupportedMediaType } from './request-errors.ts';

/**
 * The request's body as the upload of an operation. Nothing is buffered beyond what the stream holds anyway: who reads
 * slowly slows the client down.
 * @throws ServiceError `invalid_argument`: `missing_upload` 400, `unsupported_media_type` 415, `body_too_large` 413 (here if
 * the client announces it, else while reading)
 */
export function uploadOf(request: IncomingMessage, declared: Binary): Upload {
  const { headers } = request;
  const announced = headers['content-length'];
  if (announced === undefined && headers['transfer-encoding'] === undefined)
    throw missingUpload(declared.types);
  if (headers['content-encoding'] !== undefined) throw unsupportedMediaType(declared.types.join(' or '));
  const upload: Upload = {
    contentType: headers['content-type'] ?? '',
    length: announced === undefined ? undefined : Number(announced),
    body: bytesOf(request),
  };
  return checkUpload(upload, declared);
}

/** The upload within the limits of its operation, whoever sends it; see {@link uploadOf} for the errors. */
export function checkUpload(upload: Upload | undefined, declared: Binary): Upload {
  if (upload === undefined) throw missingUpload(declared.types);
  const { contentType, length, body } = upload;
  if (!acceptsType(declared.types, contentType)) throw unsupportedMediaType(declared.types.join(' or '));
  if (length !== undefined && length > declared.maxBytes) throw bodyTooLarge(declared.maxBytes);
  return { contentType, length, body: limitBytes(body, declared.maxBytes) };
}

/** Compares without parameters: `text/csv; charset=utf-8` is a `text/csv`. */
export function acceptsType(types: readonly string[], contentType: string): boolean {
  const semicolon = contentType.indexOf(';');
  const given = (semicolon === -1 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
  return types.some((type) => {
    const wanted = type.toLowerCase();
    if (wanted === given || wanted === '*/*') return true;
    return wanted.endsWith('/*') && given.startsWith(wanted.slice(0, -1));
  });
}

async function* limitBytes(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw bodyTooLarge(maxBytes);
    yield chunk;
  }
}

async function* bytesOf(request: IncomingMessage): AsyncGenerator<Uint8Array, void> {
  try {
    // Destroying the request would destroy the connection, and with it the answer that says what was wrong.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
  } catch (cause) {
    throw bodyCutOff(cause);
  }
  if (!request.complete) throw bodyCutOff();
}

import type { IncomingMessage } from 'node:http';
import { ServiceError } from '@banyan/core';
import { hasBody } from '../framing.ts';

/**
 * The body of a request as text; empty if there is none.
 * @throws ServiceError `invalid_argument` `body_too_large`, `cancelled` `body_cut_off`
 */
export async function readText(request: IncomingMessage, maxBytes: number): Promise<string> {
  if (!hasBody(request)) return '';
  if (Number(request.headers['content-length']) > maxBytes) throw bodyTooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= maxBytes) return;
      request.off('data', onData);
      reject(bodyTooLarge(maxBytes));
    };
    request.on('data', onData);
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.on('error', (cause) => reject(bodyCutOff(cause)));
  });
}

function bodyTooLarge(maxBytes: number): ServiceError {
  return new ServiceError(`The body may have at most ${maxBytes} bytes.`, {
    code: 'invalid_argument',
    reason: 'body_too_large',
    status: 413,
  });
}

function bodyCutOff(cause: unknown): ServiceError {
  return new ServiceError('The body ended too early.', { code: 'cancelled', reason: 'body_cut_off', cause });
}

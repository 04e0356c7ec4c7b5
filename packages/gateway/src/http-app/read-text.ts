import type { IncomingMessage } from 'node:http';
import { bodyCutOff, bodyTooLarge } from '@banyan/rpc';
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

import type { IncomingMessage } from 'node:http';
import { ServiceError } from '@banyan/core';

/** Headers of which a second one would leave open which of the two counts. */
const single: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'content-type',
  'idempotency-key',
  'transfer-encoding',
]);
const hostSyntax = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/**
 * Refuses what Node's parser lets through and another server on the way might read differently (RFC 9112, 3.2 and 6.1): no
 * Host or several, a transfer encoding other than `chunked`, an old protocol version with one. The connection must not be used again.
 * @param maxHeaderBytes of all fields as they are written; the parser counts less, so that many short ones pass by its own limit
 * @throws ServiceError `invalid_argument` `malformed_request`, `headers_too_large`
 */
export function checkFraming(request: IncomingMessage, maxHeaderBytes: number): void {
  const { rawHeaders, headers, httpVersion } = request;
  if (httpVersion !== '1.1' && httpVersion !== '1.0' && httpVersion !== '2.0')
    throw malformed('The HTTP version must be 1.0, 1.1 or 2.0.');
  let seen = 0;
  let bytes = request.url?.length ?? 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    bytes += name.length + (rawHeaders[index + 1]?.length ?? 0) + bytesBesides;
    const bit = bitOf(name);
    if ((seen & bit) !== 0) throw malformed(`The header '${name}' may come once only.`);
    seen |= bit;
  }
  if (bytes > maxHeaderBytes) throw headersTooLarge();
  const { host, 'transfer-encoding': encoding } = headers;
  if (host === undefined ? httpVersion !== '1.0' : !hostSyntax.test(host)) {
    throw malformed('The Host header must name one host.');
  }
  const authority = headers[':authority'];
  if (authority !== undefined && authority !== host)
    throw malformed('The authority and the Host header name different hosts.');
  if (encoding === undefined) return;
  if (encoding.toLowerCase() !== 'chunked' || httpVersion === '1.0') {
    throw malformed('The only transfer encoding here is chunked, with HTTP/1.1.');
  }
}

/** Colon, space and line end of a field. */
const bytesBesides = 4;

export function headersTooLarge(): ServiceError {
  return new ServiceError('Request line and headers are too long.', {
    code: 'invalid_argument',
    reason: 'headers_too_large',
    status: 431,
  });
}

const bits = new Map([...single].map((name, index) => [name, 1 << index]));
const lengths = new Set([...single].map((name) => name.length));

/** Most names have another length than every watched one, which spares them the lookup. */
function bitOf(name: string): number {
  return lengths.has(name.length) ? (bits.get(name.toLowerCase()) ?? 0) : 0;
}

/** True if the request announces a body, which may be empty. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

function malformed(message: string): ServiceError {
  return new ServiceError(message, { code: 'invalid_argument', reason: 'malformed_request' });
}

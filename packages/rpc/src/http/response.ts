import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type Download, expandLocation, isBinary, type Operation, retryAfterOf } from '@banyan/contract';
import { type Problem, toProblem } from '@banyan/core';

/**
 * Answers with an operation's output: JSON with the operation's status and `Location`, or the bytes of a `Download`
 * with `ETag`, `Last-Modified` and `Vary`, 304 for a matching `If-None-Match` or where the download says `notModified`, and no body
 * for `HEAD`. Headers set on `response` before are kept.
 *
 * Resolves when the answer is handed over, for a byte stream when it has ended; a stream that fails half-way cuts the
 * connection off, so that the client does not take a part for the whole, and rejects with the stream's error.
 */
export function writeResult(
  response: ServerResponse,
  operation: Operation,
  output: unknown,
): Promise<void> | undefined {
  drainRequest(response);
  if (isBinary(operation.output)) return writeDownload(response, output as Download, operation.status);
  if (operation.status === 204) {
    response.writeHead(204).end();
    return undefined;
  }
  const body = JSON.stringify(output ?? null);
  const bytes = Buffer.byteLength(body);
  const headers = ['content-type', 'application/json', 'content-length', String(bytes)];
  const location = expandLocation(operation, output);
  if (location !== undefined) headers.push('location', location);
  const retryAfter = retryAfterOf(operation, output);
  if (retryAfter !== undefined) headers.push('retry-after', String(retryAfter));
  // Text, not bytes: Node sends headers and text in one write, fastest as Latin-1, which plain ASCII is.
  response.writeHead(operation.status, headers).end(body, bytes === body.length ? 'latin1' : 'utf8');
  return undefined;
}

/** Answers with problem details (RFC 9457). If an answer has begun already, cuts it off instead. */
export function writeProblem(response: ServerResponse, error: unknown, traceId?: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  drainRequest(response);
  const problem = toProblem(error, traceId);
  const body = JSON.stringify(problem);
  response
    .writeHead(problem.status, [
      'content-type',
      'application/problem+json',
      'content-length',
      String(Buffer.byteLength(body)),
      ...headersOf(problem),
    ])
    .end(body);
}

/** Drops what nobody read of the request's body: a client that is still sending would never look for the answer. */
function drainRequest(response: ServerResponse): void {
  if (!response.req.complete) response.req.resume();
}

function headersOf(problem: Problem): string[] {
  const headers: string[] = [];
  if (problem.retryAfterMs !== undefined)
    headers.push('retry-after', String(Math.ceil(problem.retryAfterMs / 1_000)));
  if (problem.status === 401) headers.push('www-authenticate', 'Bearer');
  if (problem.reason === 'method_not_allowed') {
    headers.push('allow', (problem.details as { readonly allow: string }).allow);
  }
  return headers;
}

async function writeDownload(response: ServerResponse, download: Download, status: number): Promise<void> {
  const { body, length, etag } = download;
  const knownLength = body instanceof Uint8Array ? body.byteLength : length;
  if (download.vary !== undefined) response.appendHeader('vary', download.vary.join(', '));
  const isKnown =
    download.notModified ?? (etag !== undefined && matchesEtag(response.req.headers['if-none-match'], etag));
  if (isKnown) {
    response.writeHead(304, validators(download)).end();
    await discard(body);
    return;
  }
  response.writeHead(status, [...contentHeaders(download, knownLength), ...validators(download)]);
  if (response.req.method === 'HEAD') {
    response.end();
    await discard(body);
  } else if (body instanceof Uint8Array) response.end(body);
  else await pump(response, body, knownLength);
}

/** What describes the body, and is left out of a 304. */
function contentHeaders({ contentType, fileName }: Download, length: number | undefined): string[] {
  const headers = ['content-type', contentType, 'x-content-type-options', 'nosniff'];
  if (length !== undefined) headers.push('content-length', String(length));
  if (fileName !== undefined) headers.push('content-disposition', contentDisposition(fileName));
  return headers;
}

function validators({ etag, lastModifiedMs, cacheControl = 'no-store' }: Download): string[] {
  const headers: string[] = [];
  if (etag !== undefined) headers.push('etag', `"${etag}"`);
  if (lastModifiedMs !== undefined) headers.push('last-modified', new Date(lastModifiedMs).toUTCString());
  headers.push('cache-control', cacheControl);
  return headers;
}

function contentDisposition(fileName: string): string {
  const plain = fileName.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(fileName.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  );
  return plain === fileName
    ? `inline; filename="${plain}"`
    : `inline; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** Weak comparison, as `If-None-Match` wants it (RFC 9110, 13.1.2). */
function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === `"${etag}"`);
}

async function pump(
  response: ServerResponse,
  body: AsyncIterable<Uint8Array>,
  length: number | undefined,
): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of body) {
      if (response.destroyed) return;
      bytes += chunk.byteLength;
      if (length !== undefined && bytes > length)
        throw new Error(`The download is longer than its ${length} bytes.`);
      if (!response.write(chunk)) await drained(response);
    }
    if (length !== undefined && bytes < length)
      throw new Error(`The download ended after ${bytes} of ${length} bytes.`);
    response.end();
  } catch (error) {
    response.destroy();
    throw error;
  }
}

/** Resolves when the client has taken what was written, or has gone. */
async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  const settled = new AbortController();
  const { signal } = settled;
  try {
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  } finally {
    settled.abort();
  }
}

/** Ends a stream that nobody will read, so that its source can let go. */
async function discard(body: AsyncIterable<Uint8Array> | Uint8Array): Promise<void> {
  if (body instanceof Uint8Array) return;
  // A Node stream whose iterator has not begun is not closed by closing the iterator.
  if ('destroy' in body && typeof body.destroy === 'function') body.destroy();
  else await body[Symbol.asyncIterator]().return?.();
}

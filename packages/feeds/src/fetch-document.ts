import { isServiceError } from '@banyan/core';
import { feedsError } from './errors.ts';

export interface FetchOptions {
  readonly accept: string;
  /** Validators of the document that the asker has. */
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** For the whole answer. */
  readonly timeoutMs: number;
  /** Of the body, after decompression. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface FetchedDocument {
  readonly text: string;
  readonly contentType: string;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

/**
 * One GET, with conditions if validators are given. Redirects are not followed: they could lead anywhere, and who configures the address
 * can write the right one.
 * @returns undefined if the asker has the newest document (304)
 * @throws ServiceError `unavailable` `feed_unavailable`; `failed_precondition` `feed_refused`, `feed_too_large`, `feed_malformed`; `not_found` `feed_gone`
 */
export async function fetchDocument(
  url: string,
  options: FetchOptions,
): Promise<FetchedDocument | undefined> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  try {
    const response = await fetch(url, { redirect: 'manual', signal, headers: headersOf(options) });
    if (response.status === 304) return undefined;
    if (response.status !== 200) {
      await response.body?.cancel();
      throw refusalOf(url, response);
    }
    const text = await readText(url, response, options.maxBytes);
    return {
      text,
      contentType: response.headers.get('content-type') ?? '',
      etag: response.headers.get('etag') ?? undefined,
      lastModified: response.headers.get('last-modified') ?? undefined,
    };
  } catch (cause) {
    if (options.signal.aborted) throw options.signal.reason;
    if (isServiceError(cause)) throw cause;
    throw feedsError('feed_unavailable', {
      message: `${url} did not answer within ${options.timeoutMs} ms or broke off.`,
      cause,
    });
  }
}

function headersOf({ accept, etag, lastModified }: FetchOptions): Record<string, string> {
  return {
    accept,
    ...(etag === undefined ? undefined : { 'if-none-match': etag }),
    ...(lastModified === undefined ? undefined : { 'if-modified-since': lastModified }),
  };
}

function refusalOf(url: string, response: Response): Error {
  const { status } = response;
  if (status === 410)
    return feedsError('feed_gone', { message: `${url} answered 410: it is gone for good.` });
  const isPassing = status >= 500 || status === 408 || status === 429;
  if (!isPassing) return feedsError('feed_refused', { message: `${url} answered ${status}.` });
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return feedsError('feed_unavailable', {
    message: `${url} answered ${status}.`,
    ...(seconds >= 0 && seconds <= 86_400 ? { retryAfterMs: seconds * 1_000 } : undefined),
  });
}

async function readText(url: string, response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early closes the connection.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes)
      throw feedsError('feed_too_large', { message: `${url} has more than ${maxBytes} bytes.` });
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (cause) {
    throw feedsError('feed_malformed', { message: `${url} is not written in UTF-8.`, cause });
  }
}

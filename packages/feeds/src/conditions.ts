import type { FeedRequest } from './feed-operation.ts';
import type { FeedHead } from './feed-store.ts';

/** True if the asker has the document already (RFC 9110, 13.1): `If-None-Match` decides if it is there, else `If-Modified-Since`. */
export function isKnown(request: FeedRequest, etag: string, head: FeedHead): boolean {
  if (request.ifNoneMatch !== undefined) return matchesEtag(request.ifNoneMatch, etag);
  return request.ifModifiedSince !== undefined && isUnmodifiedSince(request.ifModifiedSince, head);
}

function matchesEtag(header: string, etag: string): boolean {
  return header.split(',').some((part) => {
    const candidate = part.trim().replace(/^W\//, '');
    return candidate === '*' || candidate === `"${etag}"`;
  });
}

/**
 * Only for a second that an answer has named: before that nobody can have it from us, and an entry with that date may still come. A date
 * of the future is no valid one (RFC 9110, 13.1.3 leaves it to the server).
 */
function isUnmodifiedSince(header: string, head: FeedHead): boolean {
  const since = Math.floor(Date.parse(header) / 1_000);
  if (Number.isNaN(since) || since > Math.max(head.nowSecond, head.answeredSecond)) return false;
  return head.updatedSecond <= since && head.updatedSecond <= head.answeredSecond;
}

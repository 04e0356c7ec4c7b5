import type { ServiceError } from '@banyan/core';
import { feedsError } from './errors.ts';
import type { FeedRequest } from './feed-operation.ts';
import type { FeedHead } from './feed-store.ts';

/** Which entries a document has, and where its neighbours are. Queries are relative to the feed: `page=3`, or empty for the feed itself. */
export interface FeedPage {
  /** Sequence numbers, inclusive; `last` < `first` for no entries. */
  readonly first: number;
  readonly last: number;
  readonly order: 'newest first' | 'oldest first';
  readonly self: string;
  readonly links: Readonly<Partial<Record<FeedLink, string>>>;
  /** A page of the archive (RFC 5005, 4). */
  readonly isArchive: boolean;
  /** No later request gets another document. */
  readonly isFinal: boolean;
}

export const feedLinks = ['current', 'prev-archive', 'next-archive', 'next'] as const;
export type FeedLink = (typeof feedLinks)[number];

/**
 * Lays out a feed as an archived one (RFC 5005, 4). Archive page n holds the n-th `pageSize` entries, as soon as they are there. The
 * feed itself holds those after the last but one full page, so a reader always finds at least `pageSize` (if there are that many)
 * and fewer than twice as many, and its `prev-archive` is final: its successor, which it links to, exists.
 * @throws ServiceError `not_found` `feed_page_unknown`; `failed_precondition` `feed_cursor_ahead`;
 * `feed_page_pruned` (status 410) for what is no longer kept
 */
export function pageOf(request: FeedRequest, head: FeedHead): FeedPage {
  const { pageSize, firstSequence, lastSequence } = head;
  const fullPages = Math.floor(lastSequence / pageSize);
  if (request.page !== undefined) return archivePage(request.page, fullPages, head);
  if (request.after !== undefined) return cursorPage(request.after, head);
  const archived = Math.max(fullPages - 1, 0);
  return {
    first: archived * pageSize + 1,
    last: lastSequence,
    order: 'newest first',
    self: '',
    links: archived * pageSize >= firstSequence ? { 'prev-archive': `page=${archived}` } : {},
    isArchive: false,
    isFinal: false,
  };
}

function archivePage(page: number, fullPages: number, head: FeedHead): FeedPage {
  const { pageSize } = head;
  if (page > fullPages) {
    throw feedsError('feed_page_unknown', {
      message: `There is no archive page ${page}; the newest is ${fullPages}.`,
    });
  }
  if (page * pageSize < head.firstSequence) throw prunedError(head);
  const isFinal = page < fullPages;
  return {
    first: (page - 1) * pageSize + 1,
    last: page * pageSize,
    order: 'newest first',
    self: `page=${page}`,
    links: {
      current: '',
      ...(page > 1 ? { 'prev-archive': `page=${page - 1}` } : undefined),
      ...(isFinal ? { 'next-archive': `page=${page + 1}` } : undefined),
    },
    isArchive: true,
    isFinal,
  };
}

function cursorPage(after: number, head: FeedHead): FeedPage {
  const { pageSize, firstSequence, lastSequence } = head;
  if (after > lastSequence) {
    throw feedsError('feed_cursor_ahead', {
      message: `The newest entry is number ${lastSequence}, not ${after}.`,
    });
  }
  if (after + 1 < firstSequence) throw prunedError(head);
  const last = Math.min(after + pageSize, lastSequence);
  const isFull = last === after + pageSize;
  return {
    first: after + 1,
    last,
    order: 'oldest first',
    self: `after=${after}`,
    // Also from a page that is not full: this is where the next entries will be.
    links: { current: '', next: `after=${last}` },
    isArchive: false,
    isFinal: isFull,
  };
}

/** Answered for entries that were pruned: 410, which says that asking again is of no use. */
export function prunedError({ firstSequence, pageSize }: FeedHead): ServiceError {
  const page = Math.ceil(firstSequence / pageSize);
  const text = `The oldest entry that is kept is number ${firstSequence}, on archive page ${page}: begin there, or with after=${firstSequence - 1}.`;
  return feedsError('feed_page_pruned', { message: text, status: 410 });
}

import type { FeedLink } from './feed-page.ts';

/** A feed, or a page of it, before it is written in one of its forms. */
export interface FeedDocument {
  /** `tag:` URI (RFC 4151). */
  readonly id: string;
  readonly title: string;
  readonly subtitle: string | undefined;
  readonly author: string;
  /** Of the newest entry in it, RFC 3339 UTC. */
  readonly updated: string;
  readonly self: string;
  /** Relative to the document, or absolute if the feed knows its address. */
  readonly links: Readonly<Partial<Record<FeedLink, string>>>;
  readonly isArchive: boolean;
  readonly entries: readonly DocumentEntry[];
}

export interface DocumentEntry {
  readonly id: string;
  readonly sequence: number;
  readonly updated: string;
  readonly title: string;
  readonly summary: string;
  readonly href: string | undefined;
  readonly key: string | undefined;
  /** W3C header of the trace that it was appended in. */
  readonly traceparent: string | undefined;
  /** Embedded; undefined if it was not asked for or the entry has none. */
  readonly content: unknown;
}

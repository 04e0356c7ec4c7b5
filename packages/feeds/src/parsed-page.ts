/** What a reader takes from one document of a feed, whatever its form. */
export interface ParsedPage {
  /** Newest first. */
  readonly entries: readonly ParsedEntry[];
  /** Absolute URL of the document with the entries before these. */
  readonly older: string | undefined;
}

export interface ParsedEntry {
  readonly id: string;
  /** Time of change, epoch milliseconds; 0 if the feed does not say. */
  readonly version: number;
  readonly title: string;
  readonly summary: string;
  /** As the feed has it. */
  readonly updated: string;
  /** Absolute URL. */
  readonly href: string | undefined;
  readonly key: string | undefined;
  /** W3C header of the trace that it was appended in, if the feed says so. */
  readonly traceparent?: string | undefined;
  /** Embedded JSON; undefined if there is none. */
  readonly content: unknown;
}

const maxEntries = 10_000;

/** Newest first: by time of change, and by place in the document where the times are the same. */
export function toParsedPage(entries: readonly ParsedEntry[], older: string | undefined): ParsedPage {
  if (entries.length > maxEntries) throw new TypeError(`a page has more than ${maxEntries} entries`);
  return { entries: entries.toSorted((one, other) => other.version - one.version), older };
}

export function versionOf(updated: string): number {
  const time = Date.parse(updated);
  return Number.isNaN(time) ? 0 : time;
}

/** PostgreSQL stores neither NUL nor half a surrogate pair, and an index no long text. */
export function toIdentifier(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > 1_000) {
    throw new TypeError('an entry has no id of 1 to 1,000 characters');
  }
  return value.replaceAll('\0', '\ufffd').toWellFormed();
}

/** A W3C header, or undefined for what cannot be one; who uses it checks it. */
export function toTraceparent(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\da-f-]{55}$/.test(value) ? value : undefined;
}

/** An absolute http(s) URL; undefined for anything else, which is not for fetching. */
export function toUrl(reference: unknown, base: string): string | undefined {
  if (typeof reference !== 'string' || !URL.canParse(reference, base)) return undefined;
  const { href, protocol } = new URL(reference, base);
  return protocol === 'http:' || protocol === 'https:' ? href : undefined;
}

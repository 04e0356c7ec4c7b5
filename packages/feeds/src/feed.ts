import { createHash } from 'node:crypto';
import type { Download } from '@banyan/contract';
import type { Sql } from '@banyan/core';
import { toAtom } from './atom-document.ts';
import { isKnown } from './conditions.ts';
import type { DocumentEntry, FeedDocument } from './feed-document.ts';
import type { FeedOperation, FeedRequest } from './feed-operation.ts';
import { type FeedPage, pageOf, prunedError } from './feed-page.ts';
import {
  createFeedStore,
  type FeedHead,
  type FeedStore,
  type NewEntry,
  type StoredEntry,
} from './feed-store.ts';
import { toJson, toJsonFeed } from './json-documents.ts';
import { relativeLink } from './relative-link.ts';
import { negotiate, type Representation } from './representation.ts';

export interface FeedOptions<Config = unknown> {
  /**
   * Authority and date of the ids (RFC 4151): a domain or e-mail address of yours, and a day on which it was, such as
   * `orders.example,2026`. Never change it: an entry with another id is another entry.
   */
  readonly tag: string;
  readonly title: string;
  readonly author: string;
  readonly subtitle?: string;
  /**
   * Entries on an archive page, 1 to 1,000. Default 50. Fixed in the database when the feed begins, because archive pages never change;
   * a later value has no effect.
   */
  readonly pageSize?: number;
  /**
   * Public address of the site, such as `https://shop.example/api`, if links shall be absolute. Default: links are relative to the
   * document, which is right behind every gateway and prefix. Never taken from a request.
   */
  readonly baseUrl?: string | ((config: Config) => string | undefined);
}

/** What the handler of a feed uses of its context. */
export interface FeedContext<Config = unknown> {
  readonly sql: Sql;
  readonly config: Config;
}

/** What a consumer's handler uses of its context. */
export interface FeedEventContext {
  readonly sql: Sql;
  readonly event: { readonly id: string };
}

/** One feed of a service: entries in the order of their commits, numbered without gaps. */
export interface Feed<Config = unknown> {
  /** Name of the feed in the service's database. */
  readonly name: string;
  /** The handler of the feed's operation. Only reads, except that it notes which second it has named as `Last-Modified`. */
  readonly serve: (request: FeedRequest, context: FeedContext<Config>) => Promise<Download>;
  /**
   * Appends in the transaction of `sql`; an entry whose id the feed has is left out. Resolves with how many were new. Other transactions
   * that append wait until this one ends, so make it the last thing.
   * @throws TypeError if an `href` is neither a path nor an http(s) URL
   */
  append(sql: Sql, entry: NewEntry | readonly NewEntry[]): Promise<number>;
  /**
   * Forgets archive pages whose newest entry is older than `olderThanMs`; resolves with how many entries they had. Nothing else of the feed
   * changes: pages that are kept stay as they are, and those that are gone answer 410. At least `pageSize` of the newest entries stay.
   * A statement for each page: call it outside of a transaction, such as in a background task. Safe to call at any time, from any instance.
   */
  prune(sql: Sql, options: { readonly olderThanMs: number }): Promise<number>;
  /**
   * A consumer (`on`) that makes an entry of each event: once, in the transaction that marks the event as handled. `undefined` makes none.
   * The event's id is the entry's, unless the entry brings its own.
   */
  entry<Data>(
    toEntry: (data: Data) => EventEntry | undefined,
  ): (data: Data, context: FeedEventContext) => Promise<void>;
}

/** An entry that an event becomes. */
export type EventEntry = Omit<NewEntry, 'id'> & { readonly id?: string };

const tagPattern =
  /^(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|[\w.-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*),\d{4}(?:-\d\d(?:-\d\d)?)?$/i;

/**
 * Defines the feed behind an operation of `feedOperation`.
 * @throws TypeError, with the fix in the text
 */
export function defineFeed<Config = unknown>(
  operation: FeedOperation,
  options: FeedOptions<Config>,
): Feed<Config> {
  const refuse = (why: string) => new TypeError(`defineFeed(${operation.service}.${operation.name}): ${why}`);
  if (operation.service === '')
    throw refuse('take the operation from its contract: `orders.operations.feed`.');
  if (operation.pathNames.length > 0)
    throw refuse(`the path of a feed has no names in it: ${operation.path}.`);
  if (!tagPattern.test(options.tag)) {
    throw refuse(`'tag' is a domain and a date, such as 'orders.example,2026', not '${options.tag}'.`);
  }
  const { pageSize = 50 } = options;
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > 1_000) {
    throw refuse("'pageSize' is a whole number from 1 to 1,000.");
  }
  for (const name of ['title', 'author'] as const) {
    if (options[name].trim() === '') throw refuse(`'${name}' must not be empty.`);
  }
  return new DatabaseFeed(operation, options, pageSize);
}

class DatabaseFeed<Config> implements Feed<Config> {
  readonly name: string;
  readonly #path: string;
  readonly #id: string;
  readonly #options: FeedOptions<Config>;
  readonly #store: FeedStore;

  constructor(operation: FeedOperation, options: FeedOptions<Config>, pageSize: number) {
    this.name = operation.name;
    this.#path = operation.path;
    this.#id = `tag:${options.tag}:${operation.service}/${operation.name}`;
    this.#options = options;
    this.#store = createFeedStore(this.name, pageSize);
  }

  async append(sql: Sql, entry: NewEntry | readonly NewEntry[]): Promise<number> {
    const entries: readonly NewEntry[] = Array.isArray(entry) ? entry : [entry as NewEntry];
    for (const { href } of entries) {
      if (href !== undefined && !/^\/(?!\/)/.test(href) && !isAbsolute(href)) {
        throw new TypeError(
          `feed ${this.name}: 'href' is a path like '/orders/42' or an http(s) URL, not '${href}'.`,
        );
      }
    }
    return this.#store.append(sql, entries);
  }

  async prune(sql: Sql, { olderThanMs }: { readonly olderThanMs: number }): Promise<number> {
    if (!(olderThanMs >= 0 && Number.isFinite(olderThanMs))) {
      throw new TypeError(`feed ${this.name}: 'olderThanMs' is a number of milliseconds from 0.`);
    }
    return this.#store.prune(sql, olderThanMs);
  }

  entry<Data>(toEntry: (data: Data) => EventEntry | undefined) {
    return async (data: Data, { sql, event }: FeedEventContext): Promise<void> => {
      const entry = toEntry(data);
      if (entry !== undefined) await this.append(sql, { id: event.id, ...entry });
    };
  }

  readonly serve = async (request: FeedRequest, { sql, config }: FeedContext<Config>): Promise<Download> => {
    const how: Rendering = { request, form: negotiate(request), base: this.#baseOf(config) };
    let head = await this.#store.head(sql);
    const known = isKnown(request, this.#etag(pageOf(request, head), head, how), head);
    if (!known && Math.min(head.updatedSecond, head.nowSecond) > head.answeredSecond) {
      head = await this.#store.seal(sql);
    }
    const page = pageOf(request, head);
    const text = known ? '' : write(await this.#read(sql, { page, head, how }), how.form);
    return {
      contentType: how.form.contentType,
      body: Buffer.from(text),
      etag: this.#etag(page, head, how),
      lastModifiedMs: head.answeredSecond * 1_000,
      // Final pages may be kept; others must be asked for again, which costs a few bytes if nothing is new.
      cacheControl: page.isFinal ? 'public, max-age=31536000, immutable' : 'no-cache',
      vary: ['accept'],
      notModified: known,
    };
  };

  /** Strong: differs as soon as a byte may. */
  #etag(page: FeedPage, head: FeedHead, { request, form, base }: Rendering): string {
    const { title, subtitle, author } = this.#options;
    const shaping = [this.#id, title, subtitle, author, base, head.pageSize, request.entries];
    const hash = createHash('sha256').update(JSON.stringify(shaping)).digest('base64url').slice(0, 6);
    const state = page.isFinal ? 'final' : head.lastSequence;
    return `${form.tag}-${page.self === '' ? 'feed' : page.self}-${state}-${hash}`;
  }

  async #read(
    sql: Sql,
    { page, head, how }: { readonly page: FeedPage; readonly head: FeedHead; readonly how: Rendering },
  ): Promise<FeedDocument> {
    const { request, base } = how;
    const entries = page.last < page.first ? [] : await this.#store.entries(sql, page);
    // Pruned since its head was read: half a page must not be kept as the page.
    if (entries.length < page.last - page.first + 1) throw prunedError(await this.#store.head(sql));
    const updated = entries.at(-1)?.updatedAt ?? head.updatedAt;
    if (page.order === 'newest first') entries.reverse();
    // Whoever asked in the query finds the other pages in the same form; whoever asked in a header asks again.
    const asked = request.entries === undefined ? [] : [`entries=${request.entries}`];
    const link = (query: string) => {
      const whole = [...(query === '' ? [] : [query]), ...asked].join('&');
      return this.#link(whole === '' ? this.#path : `${this.#path}?${whole}`, base);
    };
    return {
      id: this.#id,
      title: this.#options.title,
      subtitle: this.#options.subtitle,
      author: this.#options.author,
      updated,
      self: link(page.self),
      links: Object.fromEntries(Object.entries(page.links).map(([rel, query]) => [rel, link(query)])),
      isArchive: page.isArchive,
      entries: entries.map((entry) => this.#toDocumentEntry(entry, how)),
    };
  }

  #toDocumentEntry(entry: StoredEntry, { form, base }: Rendering): DocumentEntry {
    const { sequence, updatedAt, title, summary, href, key, content, traceparent } = entry;
    return {
      id: `${this.#id}/${encodeURIComponent(entry.entryId)}`,
      sequence,
      updated: updatedAt,
      title,
      summary,
      href: href === null ? undefined : this.#link(href, base),
      key: key ?? undefined,
      traceparent: traceparent ?? undefined,
      content: form.entries === 'embedded' && content !== null ? content : undefined,
    };
  }

  #link(to: string, base: string | undefined): string {
    if (isAbsolute(to)) return to;
    return base === undefined ? relativeLink(this.#path, to) : base + to;
  }

  #baseOf(config: Config): string | undefined {
    const { baseUrl } = this.#options;
    const base = typeof baseUrl === 'function' ? baseUrl(config) : baseUrl;
    return base?.replace(/\/+$/, '');
  }
}

/** How an answer is to be written. */
interface Rendering {
  readonly request: FeedRequest;
  readonly form: Representation;
  readonly base: string | undefined;
}

function write(document: FeedDocument, { format }: Representation): string {
  if (format === 'atom') return toAtom(document);
  return format === 'json' ? toJson(document) : toJsonFeed(document);
}

function isAbsolute(href: string): boolean {
  return /^https?:\/\//i.test(href);
}

import type { Contract } from '@banyan/contract';
import { isServiceError } from '@banyan/core';
import { describe, isWaiting, toEntryFailure } from './entry-failure.ts';
import { feedsError } from './errors.ts';
import { type FetchedDocument, fetchDocument } from './fetch-document.ts';
import { parseAtom } from './parse-atom.ts';
import { parseJson } from './parse-json.ts';
import type { ParsedPage } from './parsed-page.ts';
import type { FeedEntry, FeedEntryContext, ReaderHost } from './reader-options.ts';
import type { ReaderLease, ReaderStore, WaitingEntry } from './reader-store.ts';

export interface PollResult {
  /** Entries that the feed had and this service did not know. */
  readonly received: number;
  readonly handled: number;
  /** Entries whose handling failed; they are tried again. */
  readonly failed: number;
}

export interface SessionParts<C extends Contract, Config> {
  readonly lease: ReaderLease;
  readonly host: ReaderHost<C, Config>;
  readonly store: ReaderStore;
  /** Value of the `Accept` header. */
  readonly accept: string;
  readonly options: SessionOptions;
  toContent(content: unknown): unknown;
  handle(entry: FeedEntry, context: FeedEntryContext<C, Config>): Promise<void>;
}

export interface SessionOptions {
  readonly fetchContent?: boolean;
  readonly trustedOrigins?: readonly string[];
  readonly continueTraces?: 'never' | 'always';
  readonly timeoutMs: number;
  readonly handlerTimeoutMs: number;
  readonly maxBytes: number;
  readonly maxAttempts: number;
  readonly maxWaitMs: number;
}

/** Where a walk from the newest page into the archive is. */
interface Walk {
  readonly walk: number;
  readonly position: number;
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** For one poll; a feed that goes on for longer is gone on with by the next. */
const maxPages = 10_000;
const batchSize = 100;

/** What one holder of the lease does with it. */
export class PollSession<C extends Contract, Config> {
  readonly #parts: SessionParts<C, Config>;

  constructor(parts: SessionParts<C, Config>) {
    this.#parts = parts;
  }

  /** @throws ServiceError of the fetch, after what was received before has been handled */
  async poll(): Promise<PollResult> {
    const { store, host, lease } = this.#parts;
    let received = 0;
    let failure: unknown;
    try {
      received = await this.#takeIn();
      await store.polled(host.sql, lease.token, { received });
    } catch (error) {
      host.signal.throwIfAborted();
      failure = error;
      await store.polled(host.sql, lease.token, { received: 0, error: describe(error) });
    }
    const done = await this.handleDue();
    if (failure !== undefined) throw failure;
    return { received, ...done };
  }

  /** Handles what may be handled now, oldest first, each entry once: one that fails is for a later time. */
  async handleDue(): Promise<Omit<PollResult, 'received'>> {
    const { store, host } = this.#parts;
    const asOf = await store.now(host.sql);
    let handled = 0;
    let failed = 0;
    for (;;) {
      const batch = await store.due(host.sql, asOf, batchSize);
      if (batch.length === 0) return { handled, failed };
      for (const waiting of batch) {
        host.signal.throwIfAborted();
        const outcome = await this.#handle(waiting);
        if (outcome === 'handled') handled += 1;
        else failed += 1;
        // What the others link to is at the same place.
        if (outcome === 'source down') return { handled, failed };
      }
    }
  }

  /** Receives what is new; resolves with how much. */
  async #takeIn(): Promise<number> {
    const { lease } = this.#parts;
    let received = 0;
    let { etag, lastModified } = lease;
    if (lease.walkUrl !== null) {
      ({ walkEtag: etag, walkLastModified: lastModified } = lease);
      received += await this.#goBack(lease.walkUrl, {
        walk: lease.walk,
        position: lease.walkPosition,
        etag,
        lastModified,
      });
    }
    const newest = await this.#fetch(lease.url, { etag, lastModified });
    if (newest === undefined) return received;
    const walk: Walk = {
      walk: lease.walk + 1,
      position: 0,
      etag: newest.etag ?? null,
      lastModified: newest.lastModified ?? null,
    };
    const { added, next, position } = await this.#takePage(this.#parse(newest, lease.url), walk);
    received += added;
    return next === undefined ? received : received + (await this.#goBack(next, { ...walk, position }));
  }

  /** From page to older page, until one has an entry that is known or there is none. */
  async #goBack(from: string, walk: Walk): Promise<number> {
    const seen = new Set<string>();
    let received = 0;
    let { position } = walk;
    for (let url: string | undefined = from; url !== undefined; ) {
      if (seen.has(url) || seen.size === maxPages) {
        throw feedsError('feed_malformed', {
          message: `The archive leads in a circle, or on and on: ${url}`,
        });
      }
      seen.add(url);
      const document = await this.#fetchOlder(url, { ...walk, position });
      if (document === 'gone') return received;
      if (document === undefined)
        throw feedsError('feed_malformed', { message: `${url} answered 304 without a condition.` });
      const taken = await this.#takePage(this.#parse(document, url), { ...walk, position });
      received += taken.added;
      ({ position, next: url } = taken);
    }
    return received;
  }

  /**
   * A page that is gone ends the walk of a reader that is new: this is where the feed begins now. For one that has read before, entries are
   * lost that it never saw: that is for an operator to know, and to give up.
   */
  async #fetchOlder(url: string, walk: Walk): Promise<FetchedDocument | 'gone' | undefined> {
    try {
      return await this.#fetch(url, {});
    } catch (error) {
      const { store, host, lease } = this.#parts;
      const isGone = isServiceError(error) && error.reason === 'feed_gone';
      if (!isGone || (await store.hasReadBefore(host.sql, walk.walk))) throw error;
      await host.tx(({ sql }) => store.saveWalk(sql, lease.token, { ...walk, next: undefined }));
      return 'gone';
    }
  }

  /** Stores what is new of a page, and where to go on, in one transaction. */
  async #takePage(
    page: ParsedPage,
    walk: Walk,
  ): Promise<{ added: number; position: number; next: string | undefined }> {
    const { store, host, lease } = this.#parts;
    if (page.older !== undefined) this.#checkOrigin(page.older);
    const position = walk.position - page.entries.length;
    return host.tx(async ({ sql }) => {
      const added = await store.ingest(sql, { ...walk, entries: page.entries });
      const next = added === page.entries.length ? page.older : undefined;
      await store.saveWalk(sql, lease.token, { ...walk, position, next });
      return { added, position, next };
    });
  }

  async #handle(waiting: WaitingEntry): Promise<'handled' | 'failed' | 'source down'> {
    const { store, host, lease, options, handle } = this.#parts;
    let isFetching = true;
    try {
      const content = await this.#contentOf(waiting);
      isFetching = false;
      const signal = AbortSignal.any([host.signal, AbortSignal.timeout(options.handlerTimeoutMs)]);
      const { id, title, summary, updated, href, key, traceparent } = waiting.entry;
      const foreignCauses = options.continueTraces === 'always' ? 'continue' : 'link';
      await host.tx(
        async ({ sql, emit }) => {
          const { config, log } = host;
          await handle(
            { id, title, summary, updated, href, key, content },
            { sql, emit, config, log, signal },
          );
          await store.complete(sql, lease.token, waiting);
        },
        { signal, causes: [traceparent], foreignCauses },
      );
      return 'handled';
    } catch (error) {
      host.signal.throwIfAborted();
      if (isServiceError(error) && error.reason === 'feed_lease_lost') throw error;
      const failure = toEntryFailure(error, waiting, options);
      host.log.warn('an entry of a feed could not be handled', { entryId: waiting.entryId, failure, error });
      await store.fail(host.sql, lease.token, waiting, failure);
      return isFetching && isWaiting(error) ? 'source down' : 'failed';
    }
  }

  async #contentOf({ entry }: WaitingEntry): Promise<unknown> {
    const { options, toContent } = this.#parts;
    if (entry.content !== undefined) return toContent(entry.content);
    const { href } = entry;
    if (href === undefined || options.fetchContent === false) return undefined;
    this.#checkOrigin(href);
    const document = await this.#fetch(href, { accept: 'application/json' });
    return toContent(read(href, () => JSON.parse(document?.text ?? '')));
  }

  #fetch(
    url: string,
    how: { readonly accept?: string; readonly etag?: string | null; readonly lastModified?: string | null },
  ): Promise<FetchedDocument | undefined> {
    const { options, host, accept } = this.#parts;
    return fetchDocument(url, {
      accept: how.accept ?? accept,
      etag: how.etag ?? undefined,
      lastModified: how.lastModified ?? undefined,
      timeoutMs: options.timeoutMs,
      maxBytes: options.maxBytes,
      signal: host.signal,
    });
  }

  #parse({ text, contentType }: FetchedDocument, url: string): ParsedPage {
    const isJson = /[/+]json\b/i.test(contentType);
    return read(url, () => (isJson ? parseJson(text, url) : parseAtom(text, url)));
  }

  /** A feed must not be able to make its readers ask elsewhere: in their own network, for example. */
  #checkOrigin(url: string): void {
    const { lease, options } = this.#parts;
    const { origin } = new URL(url);
    if (origin === new URL(lease.url).origin || options.trustedOrigins?.includes(origin)) return;
    throw feedsError('feed_foreign_link', {
      message: `The feed ${lease.url} leads to ${origin}, which is not trusted.`,
    });
  }
}

function read<Result>(url: string, parse: () => Result): Result {
  try {
    return parse();
  } catch (cause) {
    throw feedsError('feed_malformed', { message: `${url} cannot be read.`, cause });
  }
}

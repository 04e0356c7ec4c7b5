import { canonicalInput, type Operation } from '@banyan/contract';
import { type Caller, type Clock, isServiceError } from '@banyan/core';
import { type CacheRule, tagOfOperation, tagOfParameters, tagOfPath } from './cache-rule.ts';
import type { CacheOutcome } from './gateway-metrics.ts';
import type { KeptAccess } from './kept-access.ts';
import { etagOf, type ResponseCache, type StoredAnswer } from './response-cache.ts';
import type { HeaderList } from './security-headers.ts';

/** One request for an answer that may be kept. */
export interface CachedRequest {
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
  /** Normalised, without the query. */
  readonly path: string;
  /** All that the service would see. */
  readonly input: unknown;
}

export interface CachedAnswer extends StoredAnswer {
  /** `Cache-Status` (RFC 9211), without the name of the cache. */
  readonly status: string;
  readonly outcome: CacheOutcome;
}

/** Answers of one operation, kept as its rule says (RFC 9111, as a shared cache). */
export interface AnswerCache {
  /** @param load asks the service; answers bodies. @throws what `load` throws */
  answer(request: CachedRequest, load: () => Promise<string>): Promise<CachedAnswer>;
  /** What tells others how long they may keep it. */
  addFields(headers: HeaderList, answer: CachedAnswer): void;
}

export interface AnswerCacheOptions {
  readonly operation: Operation;
  /** Which instances answer: those of another version answer otherwise. */
  readonly from: string;
  readonly rule: CacheRule;
  readonly isOpen: boolean;
  readonly cache: ResponseCache;
  readonly clock: Clock;
  /** False while purges may have been missed: then nothing kept is given. */
  readonly hearsPurges: () => boolean;
  /** Whoever it refuses gets what the service says, and nothing that is kept. */
  readonly mayGive: KeptAccess;
  readonly onOutcome: (outcome: CacheOutcome) => void;
}

export function createAnswerCache(options: AnswerCacheOptions): AnswerCache {
  return new RuledCache(options);
}

class RuledCache implements AnswerCache {
  readonly #options: AnswerCacheOptions;
  readonly #freshMs: number;
  readonly #staleWhileRevalidateMs: number;
  readonly #staleIfErrorMs: number;
  readonly #keepMs: number;
  readonly #cacheControl: string;
  readonly #vary: string;

  constructor(options: AnswerCacheOptions) {
    const { maxAgeS, staleWhileRevalidateS = 0, staleIfErrorS = 0 } = options.rule;
    this.#options = options;
    this.#freshMs = maxAgeS * 1_000;
    this.#staleWhileRevalidateMs = staleWhileRevalidateS * 1_000;
    this.#staleIfErrorMs = staleIfErrorS * 1_000;
    this.#keepMs = this.#freshMs + Math.max(this.#staleWhileRevalidateMs, this.#staleIfErrorMs);
    this.#cacheControl = cacheControlOf(options);
    this.#vary = [
      ...(options.isOpen ? [] : ['authorization', 'cookie']),
      ...Object.values(options.operation.headers),
    ].join(', ');
  }

  async answer(request: CachedRequest, load: () => Promise<string>): Promise<CachedAnswer> {
    const { onOutcome } = this.#options;
    try {
      const answer = await this.#answer(request, load);
      onOutcome(answer.outcome);
      return answer;
    } catch (error) {
      onOutcome('failed');
      throw error;
    }
  }

  async #answer(request: CachedRequest, load: () => Promise<string>): Promise<CachedAnswer> {
    const { cache, clock, hearsPurges, mayGive } = this.#options;
    if (!mayGive(request)) {
      const body = await load();
      return { body, etag: etagOf(body), storedAtMs: clock.nowMs(), status: 'fwd=bypass', outcome: 'bypass' };
    }
    const key = this.#keyOf(request);
    const known = hearsPurges() ? cache.find(key) : undefined;
    if (known === undefined)
      return this.#fetch(request, { key, load, reason: hearsPurges() ? 'miss' : 'bypass' });
    const leftMs = known.storedAtMs + this.#freshMs - clock.nowMs();
    const status = `hit; ttl=${Math.floor(leftMs / 1_000)}`;
    if (leftMs > 0) return { ...known, status, outcome: 'hit' };
    const stale = { ...known, status, outcome: 'stale' } as const;
    if (-leftMs < this.#staleWhileRevalidateMs) {
      // Whoever gets the old one does not wait; if it fails, the next one asks again.
      this.#fetch(request, { key, load, reason: 'stale' }).catch(() => undefined);
      return stale;
    }
    try {
      return await this.#fetch(request, { key, load, reason: 'stale' });
    } catch (error) {
      if (-leftMs >= this.#staleIfErrorMs || !isOutage(error)) throw error;
      return { ...stale, status: `${status}; detail=stale-if-error` };
    }
  }

  addFields(headers: HeaderList, { etag, storedAtMs, status }: CachedAnswer): void {
    const ageS = Math.max(0, Math.floor((this.#options.clock.nowMs() - storedAtMs) / 1_000));
    headers.push('cache-control', this.#cacheControl, 'etag', etag, 'age', String(ageS));
    headers.push('cache-status', `banyan; ${status}`);
    if (this.#vary !== '') headers.push('vary', this.#vary);
  }

  async #fetch(
    request: CachedRequest,
    {
      key,
      load,
      reason,
    }: { readonly key: string; readonly load: () => Promise<string>; readonly reason: string },
  ): Promise<CachedAnswer> {
    const loading = this.#options.cache.load({
      key,
      tags: this.#tagsOf(request),
      keepMs: this.#keepMs,
      load,
    });
    const answer = await loading.answer;
    const status = `fwd=${reason}${loading.isShared ? '; collapsed' : ''}`;
    const outcome = loading.isShared ? 'collapsed' : reason === 'bypass' ? 'bypass' : 'miss';
    return { ...answer, status, outcome };
  }

  /**
   * The operation, whose answer it is, and everything that the service is told: what is not in the key cannot change the answer, so that nobody can have
   * others get an answer to something else (cache poisoning), or a page of one user kept as if it were for all (path confusion).
   */
  #keyOf({ caller, input }: CachedRequest): string {
    const { operation, from, rule } = this.#options;
    const whose = rule.same === 'user' ? (caller.user?.id ?? '') : null;
    return JSON.stringify([operation.service, from, operation.name, whose, canonicalInput(input)]);
  }

  #tagsOf({ params, path }: CachedRequest): readonly string[] {
    const { service, name, pathNames } = this.#options.operation;
    const tags = [tagOfOperation(service, name), tagOfPath(path)];
    // An event may know some of the parameters only.
    for (const names of subsets(pathNames)) {
      tags.push(
        tagOfParameters(service, name, Object.fromEntries(names.map((each) => [each, params[each]]))),
      );
    }
    return tags;
  }
}

function cacheControlOf({ rule, isOpen }: AnswerCacheOptions): string {
  const { maxAgeS, staleWhileRevalidateS = 0, staleIfErrorS = 0, purgedBy = [] } = rule;
  const whose = isOpen ? 'public' : 'private';
  // Nobody tells the caches of others when an event has made it outdated: they ask each time, and get 304.
  if (purgedBy.length > 0) return `${whose}, no-cache`;
  const parts = [whose, `max-age=${maxAgeS}`];
  if (staleWhileRevalidateS > 0) parts.push(`stale-while-revalidate=${staleWhileRevalidateS}`);
  if (staleIfErrorS > 0) parts.push(`stale-if-error=${staleIfErrorS}`);
  return parts.join(', ');
}

/** The service did not answer, as against refusing. */
function isOutage(error: unknown): boolean {
  return !isServiceError(error) || (!error.declared && error.status >= 500);
}

/** Without the empty one. Paths have few parameters. */
function subsets(names: readonly string[]): string[][] {
  const all: string[][] = [[]];
  for (const name of names) all.push(...all.map((each) => [...each, name]));
  return all.slice(1);
}

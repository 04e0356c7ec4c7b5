import { createHash } from 'node:crypto';
import type { Clock } from '@banyan/core';

/** An answer as it was made. */
export interface StoredAnswer {
  readonly body: string;
  /** Strong: equal bodies have equal ones, on every replica. */
  readonly etag: string;
  readonly storedAtMs: number;
}

export interface Loading {
  readonly answer: Promise<StoredAnswer>;
  /** Somebody else had asked already. */
  readonly isShared: boolean;
}

export interface LoadOptions {
  readonly key: string;
  /** Purging one of these removes it, and keeps an answer that is on its way from being stored. */
  readonly tags: readonly string[];
  /** It is forgotten after this. */
  readonly keepMs: number;
  readonly load: () => Promise<string>;
}

/**
 * The answers that one gateway keeps in memory, at most so many bytes of them; the one used longest ago goes first. What was being loaded when its tag
 * was purged may be from before the change: whoever waits gets it, and it is not stored.
 */
export interface ResponseCache {
  find(key: string): StoredAnswer | undefined;
  /** Loads an answer, once for all who ask at the same time. Failures are not stored, and all who wait share them. */
  load(options: LoadOptions): Loading;
  purge(tag: string): void;
}

interface Entry {
  readonly answer: StoredAnswer;
  readonly tags: readonly string[];
  readonly bytes: number;
  readonly forgottenAtMs: number;
}

interface InFlight {
  readonly answer: Promise<StoredAnswer>;
  readonly tags: readonly string[];
  isOutdated: boolean;
}

/** Keys, tags and the objects around them. */
const overheadBytes = 500;
/** One answer may take this share of the memory. */
const largestShare = 1 / 16;

export function createResponseCache(options: {
  readonly clock: Clock;
  readonly maxBytes: number;
}): ResponseCache {
  return new MemoryCache(options.clock, options.maxBytes);
}

class MemoryCache implements ResponseCache {
  readonly #clock: Clock;
  readonly #maxBytes: number;
  /** The one used longest ago comes first. */
  readonly #entries = new Map<string, Entry>();
  readonly #keysOfTag = new Map<string, Set<string>>();
  readonly #inFlight = new Map<string, InFlight>();
  #bytes = 0;

  constructor(clock: Clock, maxBytes: number) {
    this.#clock = clock;
    this.#maxBytes = maxBytes;
  }

  find(key: string): StoredAnswer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#clock.nowMs() >= entry.forgottenAtMs) {
      this.#remove(key);
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.answer;
  }

  load(options: LoadOptions): Loading {
    const { key, tags } = options;
    const known = this.#inFlight.get(key);
    if (known !== undefined) return { answer: known.answer, isShared: true };
    const loading: InFlight = {
      answer: this.#load(options, () => loading.isOutdated),
      tags,
      isOutdated: false,
    };
    this.#inFlight.set(key, loading);
    const forget = () => {
      if (this.#inFlight.get(key) === loading) this.#inFlight.delete(key);
    };
    loading.answer.then(forget, forget);
    return { answer: loading.answer, isShared: false };
  }

  purge(tag: string): void {
    for (const [key, loading] of this.#inFlight) {
      if (!loading.tags.includes(tag)) continue;
      loading.isOutdated = true;
      // Whoever asks from now on must not wait for what is from before.
      this.#inFlight.delete(key);
    }
    for (const key of [...(this.#keysOfTag.get(tag) ?? [])]) this.#remove(key);
  }

  async #load({ key, tags, keepMs, load }: LoadOptions, isOutdated: () => boolean): Promise<StoredAnswer> {
    const body = await load();
    const answer = { body, etag: etagOf(body), storedAtMs: this.#clock.nowMs() };
    if (!isOutdated()) this.#store(key, { answer, tags, keepMs });
    return answer;
  }

  #store(
    key: string,
    { answer, tags, keepMs }: { answer: StoredAnswer; tags: readonly string[]; keepMs: number },
  ): void {
    this.#remove(key);
    const bytes = 2 * (answer.body.length + key.length) + overheadBytes;
    if (bytes > this.#maxBytes * largestShare) return;
    this.#entries.set(key, { answer, tags, bytes, forgottenAtMs: answer.storedAtMs + keepMs });
    this.#bytes += bytes;
    for (const tag of tags) {
      const keys = this.#keysOfTag.get(tag) ?? new Set();
      this.#keysOfTag.set(tag, keys.add(key));
    }
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    for (const tag of entry.tags) {
      const keys = this.#keysOfTag.get(tag);
      keys?.delete(key);
      if (keys?.size === 0) this.#keysOfTag.delete(tag);
    }
  }
}

export function etagOf(body: string): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
}

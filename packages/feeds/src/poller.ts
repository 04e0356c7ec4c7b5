import { type Contract, createValidator, type OutputOf, type Schema, type Validator } from '@banyan/contract';
import { isServiceError, sleep, systemClock } from '@banyan/core';
import { type PollResult, PollSession, type SessionParts } from './poll-session.ts';
import { createReaderMetrics, type ReaderMetrics } from './reader-metrics.ts';
import { type FeedReaderOptions, feedForms, type ReaderHost } from './reader-options.ts';
import type { ReaderLease, ReaderStore } from './reader-store.ts';

export interface Poller<C extends Contract, Config> {
  run(host: ReaderHost<C, Config>): Promise<void>;
  poll(host: ReaderHost<C, Config>): Promise<PollResult>;
}

const retryLimits = { maxWaitMs: 86_400_000, maxAttempts: 8 };
const defaults = {
  intervalMs: 30_000,
  timeoutMs: 10_000,
  handlerTimeoutMs: 20_000,
  maxBytes: 8 * 1024 * 1024,
};
const leaseWaitMs = 50;

interface Round {
  readonly url: string;
  readonly everyMs: number;
  readonly figures: ReaderMetrics | undefined;
}

/** A reader, and the service that it belongs to. */
export interface ReaderName {
  readonly name: string;
  readonly service: string;
}

export function createPoller<C extends Contract, ConfigSchema extends Schema, Content extends Schema>(
  names: ReaderName,
  options: FeedReaderOptions<C, ConfigSchema, Content>,
  store: ReaderStore,
): Poller<C, OutputOf<ConfigSchema>> {
  return new FeedPoller(names, options, store);
}

class FeedPoller<C extends Contract, ConfigSchema extends Schema, Content extends Schema>
  implements Poller<C, OutputOf<ConfigSchema>>
{
  readonly #names: ReaderName;
  readonly #options: FeedReaderOptions<C, ConfigSchema, Content>;
  readonly #store: ReaderStore;
  readonly #validator: Validator<unknown> | undefined;

  constructor(names: ReaderName, options: FeedReaderOptions<C, ConfigSchema, Content>, store: ReaderStore) {
    this.#names = names;
    this.#options = options;
    this.#store = store;
    this.#validator = options.content && createValidator(options.content, 'input');
  }

  async run(host: ReaderHost<C, OutputOf<ConfigSchema>>): Promise<void> {
    const url = this.#urlOf(host);
    if (url === undefined) return;
    const { intervalMs = defaults.intervalMs } = this.#options;
    const everyMs = typeof intervalMs === 'function' ? intervalMs(host.config) : intervalMs;
    const { name: reader, service } = this.#names;
    const { nowMs } = systemClock;
    const { processMetrics: metrics } = host;
    const figures = metrics && createReaderMetrics({ metrics, service, reader, nowMs });
    try {
      while (!host.signal.aborted) {
        const waitMs = await this.#round(host, { url, everyMs, figures });
        await this.#report(host, figures);
        // Jitter, so that the readers of a feed do not come together.
        await sleep(waitMs * (0.9 + Math.random() * 0.2), systemClock, host.signal).catch(() => {});
      }
    } finally {
      figures?.end();
    }
  }

  async poll(host: ReaderHost<C, OutputOf<ConfigSchema>>): Promise<PollResult> {
    const url = this.#urlOf(host);
    if (url === undefined) return { received: 0, handled: 0, failed: 0 };
    for (;;) {
      const lease = await this.#store.acquire(host.sql, url);
      if (lease !== undefined) return this.#withLease(lease, host, (session) => session.poll());
      await sleep(leaseWaitMs, systemClock, host.signal);
    }
  }

  /** One turn of the background task; resolves with how long to wait for the next. */
  async #round(
    host: ReaderHost<C, OutputOf<ConfigSchema>>,
    { url, everyMs, figures }: Round,
  ): Promise<number> {
    const { log, signal, sql } = host;
    try {
      const lease = await this.#store.acquire(sql, url);
      if (lease === undefined) return everyMs;
      const remainingMs = lease.sincePollMs === null ? 0 : everyMs * 0.8 - lease.sincePollMs;
      const result = await this.#withLease<Partial<PollResult>>(lease, host, (session) =>
        remainingMs > 0 ? session.handleDue() : session.poll(),
      );
      figures?.done(result);
      const readyMs = (await this.#store.nextReadyMs(sql)) ?? everyMs;
      return Math.min(readyMs, remainingMs > 0 ? remainingMs : everyMs);
    } catch (error) {
      if (signal.aborted) return 0;
      figures?.failed();
      log.warn(`the feed of '${this.#names.name}' could not be polled`, { url, error });
      return Math.max(everyMs, isServiceError(error) ? (error.retryAfterMs ?? 0) : 0);
    }
  }

  /** Also by an instance that does not poll: the one that does may have died. */
  async #report({ sql, signal }: ReaderHost<C, OutputOf<ConfigSchema>>, figures: Round['figures']) {
    if (figures === undefined || signal.aborted) return;
    // A database that is away is told of by others; the figures stay as they were, and the time since the last poll grows.
    await this.#store.status(sql).then(figures.standing, () => {});
  }

  async #withLease<Result>(
    lease: ReaderLease,
    host: ReaderHost<C, OutputOf<ConfigSchema>>,
    work: (session: PollSession<C, OutputOf<ConfigSchema>>) => Promise<Result>,
  ): Promise<Result> {
    const { accept = 'atom', handle } = this.#options;
    const form = typeof accept === 'function' ? accept(host.config) : accept;
    const session = new PollSession({
      lease,
      host,
      store: this.#store,
      accept: feedForms[form],
      options: { ...defaults, ...retryLimits, ...this.#options },
      toContent: (content) => (this.#validator === undefined ? content : this.#validator.parse(content)),
      handle: handle as SessionParts<C, OutputOf<ConfigSchema>>['handle'],
    });
    try {
      return await work(session);
    } finally {
      await this.#store.release(host.sql, lease.token);
    }
  }

  #urlOf({ config }: ReaderHost<C, OutputOf<ConfigSchema>>): string | undefined {
    const { url } = this.#options;
    return typeof url === 'function' ? url(config) : url;
  }
}

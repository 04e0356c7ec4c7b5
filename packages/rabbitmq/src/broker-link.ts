import type { Clock, Logger } from '@banyan/core';
import { type Backoff, createBackoff } from '@banyan/resilience';
import { type ChannelModel, connect } from 'amqplib';
import { rabbitError, toRabbitError } from './errors.ts';
import type { RabbitSettings } from './rabbit-url.ts';
import { within } from './within.ts';

export interface BrokerLinkOptions {
  readonly connection: RabbitSettings['connection'];
  /** Shown by RabbitMQ's tools. */
  readonly purpose: string;
  /** Runs on every new connection before anybody gets it. */
  readonly prepare: (model: ChannelModel) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * One connection to RabbitMQ that is made when it is needed and made anew after it broke: at once the first time, then with back-off. Between
 * two attempts callers are refused instead of kept waiting, for they repeat anyhow.
 */
export interface BrokerLink {
  /**
   * Runs `work` on the connection, and breaks it if that takes more than 10 s.
   * @throws ServiceError `unavailable`, within 20 s; `permission_denied`; `failed_precondition` `rabbit_unfit`
   */
  run<Result>(work: (model: ChannelModel) => Promise<Result>): Promise<Result>;
  /** Breaks the connection without a word, because its state is not known any more. */
  abort(model: ChannelModel): void;
  /** Idempotent; never rejects. */
  close(): Promise<void>;
}

export function createBrokerLink(options: BrokerLinkOptions): BrokerLink {
  return new ReconnectingLink(options);
}

const heartbeatSeconds = 10;
const connectTimeoutMs = 10_000;
const workTimeoutMs = 10_000;
const closeTimeoutMs = 2_000;

class ReconnectingLink implements BrokerLink {
  readonly #options: BrokerLinkOptions;
  readonly #backoff: Backoff = createBackoff({ initialDelayMs: 100, maxDelayMs: 5_000 });
  readonly #aborts = new WeakMap<ChannelModel, () => void>();
  #current: Promise<ChannelModel> | undefined;
  #isClosed = false;
  #failures = 0;
  #retryAtMs = 0;
  #lastError: unknown;

  constructor(options: BrokerLinkOptions) {
    this.#options = options;
  }

  async run<Result>(work: (model: ChannelModel) => Promise<Result>): Promise<Result> {
    const model = await this.#get();
    const overdue = new AbortController();
    const cancel = this.#options.clock.setTimer(() => {
      this.abort(model);
      overdue.abort();
    }, workTimeoutMs);
    try {
      // amqplib answers nobody who asks a connection that has just ended for a channel, and breaking it once more changes nothing.
      return await raceAbort(work(model), overdue.signal);
    } catch (error) {
      throw toRabbitError(error);
    } finally {
      cancel();
    }
  }

  async #get(): Promise<ChannelModel> {
    if (this.#isClosed) throw rabbitError('rabbit_log_closed');
    if (this.#current === undefined) {
      if (this.#options.clock.nowMs() < this.#retryAtMs) throw toRabbitError(this.#lastError);
      const connecting = this.#connect();
      this.#current = connecting;
      connecting.catch(() => this.#forget(connecting));
    }
    return this.#current;
  }

  abort(model: ChannelModel): void {
    this.#aborts.get(model)?.();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const current = this.#current;
    this.#current = undefined;
    const model = await current?.catch(() => undefined);
    if (model === undefined) return;
    const closing = Promise.resolve().then(() => model.close());
    await within(closing, closeTimeoutMs, this.#options.clock);
    this.abort(model);
  }

  async #connect(): Promise<ChannelModel> {
    const { clock, logger } = this.#options;
    const abort = new AbortController();
    const cancel = clock.setTimer(() => abort.abort(), connectTimeoutMs);
    try {
      const model = await this.#open(abort);
      this.#failures = 0;
      return model;
    } catch (error) {
      abort.abort();
      this.#lastError = error;
      this.#retryAtMs = clock.nowMs() + this.#backoff.delayMs(this.#failures);
      this.#failures += 1;
      logger.warn('RabbitMQ cannot be reached', { error, failures: this.#failures });
      throw toRabbitError(error);
    } finally {
      cancel();
    }
  }

  async #open(abort: AbortController): Promise<ChannelModel> {
    const { connection, purpose, prepare, logger } = this.#options;
    const socketOptions = {
      // The socket's way to be destroyed, also when the other side has stopped answering.
      signal: abort.signal,
      noDelay: true,
      timeout: connectTimeoutMs,
      clientProperties: { connection_name: `banyan ${purpose}` },
    };
    const opening = connect({ ...connection, heartbeat: heartbeatSeconds }, socketOptions);
    const model = await raceAbort(opening, abort.signal);
    let cause: unknown;
    model.on('error', (error: Error) => {
      cause = error;
    });
    model.on('blocked', (reason: string) => logger.warn('RabbitMQ takes no more events', { reason }));
    // What `get` has put there in the meantime: this very attempt.
    const connected = this.#current;
    model.on('close', () => {
      this.#forget(connected);
      if (!this.#isClosed) logger.warn('the connection to RabbitMQ has ended', { error: cause });
    });
    this.#aborts.set(model, () => {
      this.#forget(connected);
      abort.abort();
    });
    await raceAbort(prepare(model), abort.signal);
    return model;
  }

  #forget(connection: Promise<ChannelModel> | undefined): void {
    if (this.#current === connection) this.#current = undefined;
  }
}

function raceAbort<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

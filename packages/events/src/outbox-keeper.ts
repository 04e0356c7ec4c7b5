import { type Clock, type Logger, silentLogger, sleep, systemClock } from '@banyan/core';
import { backoffMs } from './backoff.ts';
import type { Outbox } from './outbox.ts';
import type { Relay, RelayStatus } from './relay.ts';
import { settlesWithin } from './settle.ts';
import { createWakeUp } from './wake-up.ts';

export interface OutboxKeeperOptions {
  readonly outbox: Outbox;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** How long a message that is due can wait if nobody knew of it. Default 500. */
  readonly pollIntervalMs?: number;
  /** How far back a relay would begin that takes over when the log is moved to a broker. Default one day. */
  readonly retentionMs?: number;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

/**
 * Stands in for a relay where the log reads the outboxes itself (`LogFeatures.readsOutboxes`): an event is delivered to the log by its commit. What is left to
 * do is to wake readers, and to release messages when their time has come. Run one in every process of the service.
 */
export function createOutboxKeeper(options: OutboxKeeperOptions): Relay {
  return new OutboxKeeper(options);
}

const errorBackoff = { firstMs: 100, maxMs: 10_000 };
/** Every commit pokes: looking for due messages after each would be one more statement for each. Those that come meanwhile are remembered. */
const restMs = 50;
const pruneIntervalMs = 60_000;

class OutboxKeeper implements Relay {
  readonly #settings: Required<OutboxKeeperOptions>;
  readonly #wakeUp: ReturnType<typeof createWakeUp>;
  #running = false;
  #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #pruneAtMs = 0;
  #failures = 0;
  #lastError: unknown;

  constructor(options: OutboxKeeperOptions) {
    this.#settings = {
      clock: systemClock,
      logger: silentLogger,
      pollIntervalMs: 500,
      retentionMs: 24 * 3_600_000,
      random: Math.random,
      ...options,
    };
    this.#wakeUp = createWakeUp(this.#settings.clock);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#stopping = new AbortController();
    const earlier = this.#loop;
    this.#loop = this.#run(earlier);
  }

  async stop({ timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#running = false;
    this.#stopping.abort();
    this.#wakeUp.wake();
    if (this.#loop !== undefined) await settlesWithin(this.#loop, timeoutMs, this.#settings.clock);
  }

  poke(): void {
    this.#settings.outbox.announce();
    this.#wakeUp.wake();
  }

  async status(): Promise<RelayStatus> {
    const { delayed } = await this.#settings.outbox.backlog();
    return {
      running: this.#running,
      isOwner: this.#running,
      backlog: 0,
      oldestAgeMs: 0,
      delayed,
      dead: 0,
      overdue: false,
      consecutiveFailures: this.#failures,
      lastError: this.#lastError,
    };
  }

  async #run(earlier: Promise<void> | undefined): Promise<void> {
    await earlier;
    while (this.#running) {
      const { waitMs, pokesAfterMs } = await this.#release();
      await this.#rest(Math.min(waitMs, pokesAfterMs));
      if (this.#running) await this.#wakeUp.wait(Math.max(0, waitMs - pokesAfterMs));
    }
  }

  /** Ends early only when the keeper stops. */
  async #rest(ms: number): Promise<void> {
    await sleep(ms, this.#settings.clock, this.#stopping.signal).catch(() => {});
  }

  async #prune(): Promise<void> {
    const { outbox, clock, retentionMs } = this.#settings;
    if (clock.nowMs() < this.#pruneAtMs) return;
    this.#pruneAtMs = clock.nowMs() + pruneIntervalMs;
    await outbox.prune(retentionMs);
  }

  /** Returns when to look again at the latest, and from when on a poke is reason enough. */
  async #release(): Promise<{ readonly waitMs: number; readonly pokesAfterMs: number }> {
    const { outbox, pollIntervalMs, logger, random } = this.#settings;
    try {
      const dueInMs = await outbox.releaseDue();
      await this.#prune();
      this.#failures = 0;
      this.#lastError = undefined;
      return { waitMs: Math.min(pollIntervalMs, (dueInMs ?? pollIntervalMs) + 1), pokesAfterMs: restMs };
    } catch (error) {
      this.#lastError = error;
      this.#failures += 1;
      const retryInMs = backoffMs(errorBackoff, this.#failures - 1, random);
      logger.warn('messages that may be due could not be released; trying again', { error, retryInMs });
      return { waitMs: retryInMs, pokesAfterMs: retryInMs };
    }
  }
}

import {
  type Clock,
  isServiceError,
  type Logger,
  ServiceError,
  silentLogger,
  systemClock,
} from '@banyan/core';
import { type Alarm, type AlarmWatch, createAlarmWatch } from './alarm.ts';
import { backoffMs } from './backoff.ts';
import type { EventLog } from './event-log.ts';
import type { Outbox } from './outbox.ts';
import { createOutboxPump, type OutboxPump } from './outbox-pump.ts';
import { checkGather, createPace, type Pace } from './pace.ts';
import { createRelayLeaseKeeper, type RelayLeaseKeeper } from './relay-lease.ts';
import { settlesWithin } from './settle.ts';
import { createWakeUp, type WakeUp, waitOut } from './wake-up.ts';

export interface RelayOptions {
  readonly outbox: Outbox;
  readonly log: EventLog;
  /** This instance: different from every other running one's (`orders-1`). */
  readonly owner: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Events handed to the log at once. Default 1,000. */
  readonly batchSize?: number;
  /** How long an event can wait if its `poke` was lost. Default 500. */
  readonly pollIntervalMs?: number;
  /** How long a relay that died holds others off. Default 15,000; renewed every third of it. */
  readonly leaseMs?: number;
  /** Default 10,000. */
  readonly publishTimeoutMs?: number;
  /** The oldest unpublished event may be this old before the alarm is raised. Default 30,000. */
  readonly overdueAfterMs?: number;
  /** How long published events stay in the outbox, to be published again if the log lost them. Default one day. */
  readonly retentionMs?: number;
  /** Called once when events are overdue and once when they no longer are. */
  readonly onAlarm?: (alarm: Alarm) => void;
  /** Under load pages are read at least this far apart, so that events gather; one that comes after a pause is published at once. 0 for never waiting. Default 5. */
  readonly gatherMs?: number;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

export interface RelayStatus {
  readonly running: boolean;
  /** True if this is the one relay of the service that publishes. */
  readonly isOwner: boolean;
  /** Committed events that are not published yet. */
  readonly backlog: number;
  /** Age of the oldest of them; 0 if there is none. */
  readonly oldestAgeMs: number;
  /** Messages whose time has not come. */
  readonly delayed: number;
  /** Events that the log refuses for good. */
  readonly dead: number;
  readonly overdue: boolean;
  /** Failures since the last good round. */
  readonly consecutiveFailures: number;
  readonly lastError: unknown;
}

/**
 * Carries one service's events from its outbox to the log (message relay, polling publisher).
 *
 * Run one in every process of the service: the one that has the outbox's lease publishes, the others stand by. Delivery to the log is at least once;
 * the log, or else the inbox, recognises ids. The order of each key is kept; a relay may die at any moment.
 */
export interface Relay {
  /** Begins at once and without I/O of its own; repeated calls do nothing. */
  start(): void;
  /** Finishes the batch in hand, for at most `timeoutMs` (default 5,000), and gives the lease back. Idempotent; the relay can start again. */
  stop(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Says that events were committed: call it from `onCommit` of the transaction that appended them. Cheap, never throws. */
  poke(): void;
  /** @throws ServiceError `unavailable` if the outbox's database cannot be asked */
  status(): Promise<RelayStatus>;
}

export function createRelay(options: RelayOptions): Relay {
  return new OutboxRelay(options);
}

type RelaySettings = Required<Omit<RelayOptions, 'onAlarm'>> & Pick<RelayOptions, 'onAlarm'>;

const errorBackoff = { firstMs: 100, maxMs: 10_000 };
const lostLeaseDelayMs = 10;
const pruneIntervalMs = 60_000;
const watchIntervalMs = 5_000;

class OutboxRelay implements Relay {
  readonly #settings: RelaySettings;
  readonly #wakeUp: WakeUp;
  readonly #lease: RelayLeaseKeeper;
  readonly #pump: OutboxPump;
  readonly #alarms: AlarmWatch;
  readonly #pace: Pace;
  #running = false;
  #loop: Promise<void> | undefined;
  #unsubscribe = () => {};
  #isLossKnown = true;
  #cancelWatch = () => {};
  #failures = 0;
  #lastError: unknown;
  #pruneAtMs = 0;

  constructor(options: RelayOptions) {
    const settings: RelaySettings = {
      clock: systemClock,
      logger: silentLogger,
      batchSize: 1_000,
      gatherMs: 5,
      pollIntervalMs: 500,
      leaseMs: 15_000,
      publishTimeoutMs: 10_000,
      overdueAfterMs: 30_000,
      retentionMs: 24 * 3_600_000,
      random: Math.random,
      ...options,
    };
    checkSettings(settings);
    this.#settings = settings;
    this.#wakeUp = createWakeUp(settings.clock);
    this.#pace = createPace(settings.gatherMs);
    this.#lease = createRelayLeaseKeeper({ ...settings, onLost: () => this.#wakeUp.wake() });
    this.#pump = createOutboxPump({
      ...settings,
      holds: ({ token }) => this.#lease.current?.token === token,
      isStopping: () => !this.#running,
    });
    const { overdueAfterMs: boundMs, onAlarm, clock, logger } = settings;
    this.#alarms = createAlarmWatch({ invariant: 'outbox', boundMs, onAlarm, clock, logger });
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    const { outbox, log } = this.#settings;
    const ends = [
      outbox.onAppend(() => this.#wakeUp.wake()),
      log.onLoss?.(() => {
        this.#isLossKnown = false;
      }),
    ];
    this.#unsubscribe = () => {
      for (const end of ends) end?.();
    };
    this.#watchLater();
    const earlier = this.#loop;
    this.#loop = this.#run(earlier);
  }

  async stop({ timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#running = false;
    this.#unsubscribe();
    this.#cancelWatch();
    this.#wakeUp.wake();
    if (this.#loop !== undefined) await settlesWithin(this.#loop, timeoutMs, this.#settings.clock);
  }

  poke(): void {
    this.#wakeUp.wake();
    if (this.#lease.current === undefined) this.#settings.outbox.announce();
  }

  async status(): Promise<RelayStatus> {
    const { count, oldestAgeMs, delayed, dead } = await this.#settings.outbox.backlog();
    return {
      running: this.#running,
      isOwner: this.#lease.current !== undefined,
      backlog: count,
      oldestAgeMs,
      delayed,
      dead,
      overdue: oldestAgeMs > this.#settings.overdueAfterMs,
      consecutiveFailures: this.#failures,
      lastError: this.#lastError,
    };
  }

  async #run(earlier: Promise<void> | undefined): Promise<void> {
    await earlier;
    while (this.#running) await this.#step();
    await this.#pump.idle();
    await this.#lease.release();
  }

  async #step(): Promise<void> {
    const { pollIntervalMs, random } = this.#settings;
    try {
      const lease = this.#lease.current ?? (await this.#lease.acquire());
      if (lease !== undefined) {
        await this.#makeGood();
        await this.#pace.gather();
        await this.#pace.measure(() => this.#pump.drain(lease));
        this.#pace.took(false);
      }
      this.#failures = 0;
      this.#lastError = undefined;
      if (lease === undefined) {
        // Announcements are for the owner: a relay that stands by would only ask for the lease again.
        await this.#pause(pollIntervalMs * (0.5 + random() / 2));
        return;
      }
      await this.#prune();
      if (this.#running) await this.#wakeUp.wait(pollIntervalMs);
    } catch (error) {
      await this.#backOff(error);
    }
  }

  /** The log lost events that it had confirmed: all that the outbox still keeps is published again, and readers recognise what they know. */
  async #makeGood(): Promise<void> {
    if (this.#isLossKnown) return;
    const { outbox, logger } = this.#settings;
    const count = await outbox.rewind(new Date(0).toISOString());
    this.#isLossKnown = true;
    logger.error('the log lost events that it had confirmed; they are published again', { count });
    // The rewinding has fenced this relay off too: it begins anew, at the right place.
    throw new ServiceError('The outbox was rewound.', { code: 'aborted', reason: 'lease_lost' });
  }

  async #backOff(error: unknown): Promise<void> {
    const { logger, random } = this.#settings;
    if (isServiceError(error) && error.reason === 'lease_lost') {
      logger.debug('another relay took over, or the outbox was rewound', { error });
      this.#lease.drop();
      await this.#pause(lostLeaseDelayMs);
      return;
    }
    this.#lastError = error;
    this.#failures += 1;
    const delayMs = backoffMs(errorBackoff, this.#failures - 1, random);
    const failures = this.#failures;
    logger.warn('events could not be published; they wait in the outbox', {
      error,
      failures,
      retryInMs: delayMs,
    });
    await this.#pause(delayMs);
  }

  /** Ends early only when the relay stops: every new event pokes, and a log that is down would be asked once for each of them. */
  async #pause(delayMs: number): Promise<void> {
    await waitOut(this.#wakeUp, {
      clock: this.#settings.clock,
      delayMs,
      isOver: () => !this.#running,
    });
  }

  #watchLater(): void {
    const { clock, overdueAfterMs } = this.#settings;
    this.#cancelWatch = clock.setTimer(
      () => {
        void this.#watch();
        this.#watchLater();
      },
      Math.min(watchIntervalMs, overdueAfterMs),
    );
  }

  /** The owner watches over the outbox, and whoever raised the alarm calls it off. */
  async #watch(): Promise<void> {
    if (this.#lease.current === undefined && !this.#alarms.isBroken) return;
    const { outbox, logger } = this.#settings;
    try {
      const { count, oldestAgeMs } = await outbox.backlog();
      if (this.#running) this.#alarms.observe({ ageMs: oldestAgeMs, count });
    } catch (error) {
      logger.debug('the backlog of the outbox could not be read', { error });
    }
  }

  async #prune(): Promise<void> {
    const { clock, outbox, retentionMs, logger } = this.#settings;
    if (clock.nowMs() < this.#pruneAtMs) return;
    this.#pruneAtMs = clock.nowMs() + pruneIntervalMs;
    try {
      await outbox.prune(retentionMs);
    } catch (error) {
      logger.warn('the outbox could not be pruned; trying again later', { error });
    }
  }
}

function checkSettings(settings: RelaySettings): void {
  for (const name of ['batchSize', 'pollIntervalMs', 'leaseMs', 'publishTimeoutMs'] as const) {
    const value = settings[name];
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new TypeError(`createRelay(): \`${name}\` is a whole number from 1, not ${String(value)}.`);
    }
  }
  checkGather('createRelay', settings.gatherMs);
  if (settings.owner === '') throw new TypeError('createRelay(): give `owner` a text.');
}

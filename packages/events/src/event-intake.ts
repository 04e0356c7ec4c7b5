import type { ServiceError } from '@banyan/core';
import { backoffMs } from './backoff.ts';
import type { ConsumerSettings } from './consumer-settings.ts';
import { createEventLane, type EventLane } from './event-lane.ts';
import { failingSince } from './failing-since.ts';
import type { PartitionLease, Share } from './inbox.ts';
import { planLanes } from './lane-plan.ts';
import { createWakeUp, type WakeUp } from './wake-up.ts';

/** This instance's part in the consumer: keeps its share of the partitions and reads them. */
export interface EventIntake {
  readonly partitions: readonly number[];
  readonly members: number;
  readonly batches: number;
  readonly consecutiveFailures: number;
  readonly lastError: unknown;
  readonly behindMs: number;
  /** Events in the log behind what is stored, as far as the log can tell. @throws ServiceError `unavailable` */
  lag(): Promise<number>;
  start(): void;
  /** Finishes the pages in hand and gives the partitions back. Never rejects. */
  stop(): Promise<void>;
  abort(reason: ServiceError): void;
}

export function createEventIntake(settings: ConsumerSettings, onStored: () => void): EventIntake {
  return new SharedIntake(settings, onStored);
}

const shareBackoff = { firstMs: 200, maxMs: 5_000 };

class SharedIntake implements EventIntake {
  readonly #settings: ConsumerSettings;
  readonly #onStored: () => void;
  readonly #wakeUp: WakeUp;
  #running = false;
  #loop: Promise<void> | undefined;
  #share: Share = { leases: [], members: 0 };
  #lanes: readonly EventLane[] = [];
  #isStale = true;
  #endedBatches = 0;
  #failures = 0;
  #shareError: unknown;
  #failingSinceMs: number | undefined;

  constructor(settings: ConsumerSettings, onStored: () => void) {
    this.#settings = settings;
    this.#onStored = onStored;
    this.#wakeUp = createWakeUp(settings.clock);
  }

  get partitions(): readonly number[] {
    return this.#share.leases.map(({ partition }) => partition);
  }

  get members(): number {
    return this.#share.members;
  }

  get batches(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.batches, this.#endedBatches);
  }

  get consecutiveFailures(): number {
    return this.#lanes.reduce((most, lane) => Math.max(most, lane.consecutiveFailures), this.#failures);
  }

  get lastError(): unknown {
    return this.#shareError ?? this.#lanes.find((lane) => lane.lastError !== undefined)?.lastError;
  }

  get behindMs(): number {
    const failingMs =
      this.#failingSinceMs === undefined ? 0 : this.#settings.clock.nowMs() - this.#failingSinceMs;
    return this.#lanes.reduce((most, lane) => Math.max(most, lane.behindMs), failingMs);
  }

  async lag(): Promise<number> {
    const { log } = this.#settings;
    const lags = await Promise.all(this.#lanes.map((lane) => log.lag(lane.places)));
    return lags.reduce((sum, lag) => sum + lag, 0);
  }

  start(): void {
    if (this.#running || this.#settings.topics.length === 0) return;
    this.#running = true;
    this.#isStale = true;
    const earlier = this.#loop;
    this.#loop = this.#run(earlier);
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#wakeUp.wake();
    await this.#loop;
  }

  abort(reason: ServiceError): void {
    for (const lane of this.#lanes) lane.abort(reason);
  }

  async #run(earlier: Promise<void> | undefined): Promise<void> {
    await earlier;
    while (this.#running) {
      const delayMs = await this.#step();
      if (this.#running) await this.#wakeUp.wait(delayMs);
    }
    await this.#stopLanes();
    await this.#leave();
  }

  /** Renews the membership; returns how long to wait before the next time. */
  async #step(): Promise<number> {
    const { leaseMs, clock, logger, random, log } = this.#settings;
    try {
      await this.#renew();
      this.#failures = 0;
      this.#failingSinceMs = undefined;
      this.#shareError = undefined;
    } catch (error) {
      this.#failures += 1;
      this.#failingSinceMs = failingSince(this.#failingSinceMs, clock);
      this.#shareError = error;
      const retryInMs = backoffMs(shareBackoff, this.#failures - 1, random);
      logger.warn('the share of the partitions could not be renewed; trying again', { error, retryInMs });
      return retryInMs;
    }
    // Others give up what is too much for them when they ask next: look again soon.
    const { leases, members } = this.#share;
    const isShort = leases.length < Math.floor(log.partitions / members);
    return isShort ? leaseMs / 30 : leaseMs / 3;
  }

  async #renew(): Promise<void> {
    const share = await this.#ask();
    const isSame = !this.#isStale && isSameLeases(share.leases, this.#share.leases);
    if (isSame && !this.#isMergeable()) {
      this.#share = share;
      return;
    }
    // The places that the answer holds are older than what the lanes were about to store.
    await this.#stopLanes();
    this.#isStale = true;
    this.#share = await this.#ask();
    if (!this.#running) return;
    this.#isStale = false;
    this.#lanes = this.#plan(this.#share.leases).map((plan) =>
      createEventLane({
        ...plan,
        settings: this.#settings,
        onStored: this.#onStored,
        onLost: () => {
          this.#isStale = true;
          this.#wakeUp.wake();
        },
      }),
    );
    for (const lane of this.#lanes) lane.start();
  }

  #ask(): Promise<Share> {
    const { inbox, log, instance, leaseMs } = this.#settings;
    return inbox.share({ log: log.id, partitions: log.partitions, instance, leaseMs });
  }

  #plan(leases: readonly PartitionLease[]) {
    const { topics, lanes, log } = this.#settings;
    // An engine that cannot go back has a group begin with what comes next.
    return planLanes({ topics, leases, lanes, start: log.features.replay ? 'start' : 'end' });
  }

  /** True if topics that were apart stand at the same places now. */
  #isMergeable(): boolean {
    const places = new Set(this.#lanes.map(({ places }) => JSON.stringify([...places.from])));
    return places.size < this.#lanes.length;
  }

  async #stopLanes(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.stop()));
    this.#endedBatches = this.batches;
    this.#lanes = [];
  }

  async #leave(): Promise<void> {
    const { inbox, log, instance, logger } = this.#settings;
    this.#share = { leases: [], members: 0 };
    try {
      await inbox.leave(log.id, instance);
    } catch (error) {
      logger.debug('the partitions could not be given back; others take them when the lease ends', { error });
    }
  }
}

function isSameLeases(a: readonly PartitionLease[], b: readonly PartitionLease[]): boolean {
  const tokens = new Map(b.map(({ partition, token }) => [partition, token]));
  return a.length === b.length && a.every(({ partition, token }) => tokens.get(partition) === token);
}

import { type Clock, isServiceError, type Logger, ServiceError } from '@banyan/core';
import type { EncodedEvent } from './encoded-event.ts';
import type { EventLog } from './event-log.ts';
import type { Outbox, OutboxCursor, OutboxPage, RelayLease } from './outbox.ts';
import { describeError } from './retry-policy.ts';
import { settlesWithin } from './settle.ts';

export interface OutboxPumpOptions {
  readonly outbox: Outbox;
  readonly log: EventLog;
  readonly batchSize: number;
  readonly publishTimeoutMs: number;
  /** False as soon as the lease is not ours beyond doubt. */
  readonly holds: (lease: RelayLease) => boolean;
  /** True if no further page is to be begun. */
  readonly isStopping: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Moves events from the outbox to the log: while a page is published the next one is read and the one before is confirmed. */
export interface OutboxPump {
  /** Publishes what there is, and confirms it a little later. After a rejection the next call begins at what is confirmed. */
  drain(lease: RelayLease): Promise<void>;
  /** Resolves when no confirmation is under way any more. */
  idle(): Promise<void>;
}

export function createOutboxPump(options: OutboxPumpOptions): OutboxPump {
  return new LogPump(options);
}

/** How far the lease's reading is: everything before is published. */
interface Place {
  readonly lease: RelayLease;
  readonly confirmations: Confirmations;
  cursor: OutboxCursor;
}

class LogPump implements OutboxPump {
  readonly #options: OutboxPumpOptions;
  #place: Place | undefined;

  constructor(options: OutboxPumpOptions) {
    this.#options = options;
  }

  async drain(lease: RelayLease): Promise<void> {
    try {
      this.#place?.confirmations.check();
      if (this.#place?.lease.token !== lease.token) this.#place = await this.#begin(lease);
      await this.#drainFrom(this.#place);
    } catch (error) {
      const place = this.#place;
      this.#place = undefined;
      await place?.confirmations.idle();
      throw error;
    }
  }

  async idle(): Promise<void> {
    await this.#place?.confirmations.idle();
  }

  async #begin(lease: RelayLease): Promise<Place> {
    const { outbox } = this.#options;
    return { lease, confirmations: createConfirmations(outbox, lease), cursor: await outbox.cursor(lease) };
  }

  async #drainFrom(place: Place): Promise<void> {
    const { outbox, batchSize, holds, isStopping } = this.#options;
    let reading: Promise<OutboxPage> | undefined = outbox.read(place.cursor, batchSize);
    try {
      while (reading !== undefined && !isStopping() && holds(place.lease)) {
        const page: OutboxPage = await reading;
        reading = page.more ? outbox.read(page.cursor, batchSize) : undefined;
        // It is awaited later, or not at all.
        reading?.catch(() => {});
        if (page.events.length > 0) await this.#publish(place.lease, page.events);
        if (page.cursor !== place.cursor) place.confirmations.add(page.cursor);
        place.cursor = page.cursor;
      }
    } finally {
      await Promise.allSettled([reading]);
    }
  }

  async #publish(lease: RelayLease, events: readonly EncodedEvent[]): Promise<void> {
    const { outbox, logger, holds } = this.#options;
    for (let rest = events; rest.length > 0; ) {
      if (!holds(lease)) throw leaseOver();
      try {
        await this.#publishOnce(rest);
        return;
      } catch (error) {
        const refused = refusedIds(error);
        const kept = rest.filter(({ id }) => !refused.has(id));
        if (kept.length === rest.length) throw error;
        logger.error('the log refuses events for good; they are put aside', { error, ids: [...refused] });
        await outbox.bury(lease, [...refused], describeError(error));
        rest = kept;
      }
    }
  }

  async #publishOnce(events: readonly EncodedEvent[]): Promise<void> {
    const { log, clock, publishTimeoutMs } = this.#options;
    const published = log.publish(events);
    if (await settlesWithin(published, publishTimeoutMs, clock)) return published;
    throw new ServiceError(`The event log did not confirm ${events.length} events in time.`, {
      code: 'unavailable',
      reason: 'log_timeout',
    });
  }
}

/** Confirms places one after the other, leaving out those that a newer one has overtaken. */
interface Confirmations {
  /** @throws what an earlier confirmation was rejected with */
  add(cursor: OutboxCursor): void;
  /** @throws what an earlier confirmation was rejected with */
  check(): void;
  /** Resolves when none is under way; never rejects. */
  idle(): Promise<void>;
}

function createConfirmations(outbox: Outbox, lease: RelayLease): Confirmations {
  let next: OutboxCursor | undefined;
  let task: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;
  const run = async () => {
    try {
      while (next !== undefined) {
        const cursor = next;
        next = undefined;
        await outbox.confirm(lease, cursor);
      }
    } catch (error) {
      failure = { error };
    }
    task = undefined;
  };
  const check = () => {
    if (failure !== undefined) throw failure.error;
  };
  return {
    add(cursor) {
      check();
      next = cursor;
      task ??= run();
    },
    check,
    async idle() {
      await task;
    },
  };
}

function refusedIds(error: unknown): ReadonlySet<string> {
  if (!isServiceError(error) || error.reason !== 'event_refused') return new Set();
  const { ids } = (error.details ?? {}) as { readonly ids?: unknown };
  return new Set(Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : []);
}

function leaseOver(): ServiceError {
  return new ServiceError('The lease of the outbox is over.', { code: 'aborted', reason: 'lease_lost' });
}

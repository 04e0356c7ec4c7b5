import { isServiceError } from '@banyan/core';
import { type CloudEvent, orderingKeyOf } from '../cloud-event.ts';
import type { LogReader, StartAt } from '../event-log.ts';
import type { Arrival, Claim, PartitionLease } from '../inbox.ts';
import type { OutboxCursor, RelayLease } from '../outbox.ts';
import type { EventsModelFixture } from './describe-events-model.ts';
import type { EventsModel } from './events-model.ts';

const topics = ['orders.placed'];
const membershipMs = 60_000;

export interface ModelRelay {
  readonly owner: string;
  lease: RelayLease | undefined;
  cursor: OutboxCursor | undefined;
}

export interface ModelReader {
  readonly instance: string;
  leases: readonly PartitionLease[];
  reader: LogReader | undefined;
  /** The page in hand, and those handled before, which may come again. */
  arrivals: Arrival[];
}

/** The real thing under test: two relays, two readers, and the claims of their workers. */
export class EventsSystem {
  readonly fixture: EventsModelFixture;
  readonly relays: readonly ModelRelay[] = ['orders-1', 'orders-2'].map((owner) => ({
    owner,
    lease: undefined,
    cursor: undefined,
  }));
  readonly readers: readonly ModelReader[] = ['mail-1', 'mail-2'].map((instance) => ({
    instance,
    leases: [],
    reader: undefined,
    arrivals: [],
  }));
  /** Every claim ever made, old ones too. */
  readonly claims: Claim[] = [];
  readonly effects = new Map<string, number[]>();
  steps = 0;

  constructor(fixture: EventsModelFixture) {
    this.fixture = fixture;
  }

  /** Runs a step that may be fenced off; true if it took effect. */
  async attempt(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (isServiceError(error) && error.reason === 'lease_lost') return false;
      throw error;
    }
  }

  /** Notes the effects of a transaction that has committed. */
  takeEffect(events: readonly CloudEvent[]): void {
    for (const event of events) {
      const key = orderingKeyOf(event);
      const { value } = event.data as { readonly value: number };
      const values = this.effects.get(key);
      if (values === undefined) this.effects.set(key, [value]);
      else values.push(value);
    }
  }

  async relayPage(relay: ModelRelay, options: { limit: number; confirms: boolean }): Promise<boolean> {
    const { outbox, log } = this.fixture;
    relay.lease ??= await outbox.acquire(relay.owner, membershipMs);
    const { lease } = relay;
    if (lease === undefined) return false;
    const isHeld = await this.attempt(async () => {
      relay.cursor ??= await outbox.cursor(lease);
      const page = await outbox.read(relay.cursor, options.limit);
      if (page.events.length > 0) await log.publish(page.events);
      if (options.confirms) await outbox.confirm(lease, page.cursor);
      relay.cursor = options.confirms ? page.cursor : undefined;
    });
    if (!isHeld) Object.assign(relay, { lease: undefined, cursor: undefined });
    return isHeld;
  }

  async share(reader: ModelReader): Promise<void> {
    const { inbox, log } = this.fixture;
    const { id, partitions } = log;
    const { instance } = reader;
    const { leases } = await inbox.share({ log: id, partitions, instance, leaseMs: membershipMs });
    await reader.reader?.close();
    reader.leases = leases;
    reader.reader = undefined;
    reader.arrivals = [];
  }

  async read(reader: ModelReader, limit: number): Promise<void> {
    if (reader.leases.length === 0) return;
    reader.reader ??= await this.#open(reader);
    const page = await reader.reader.next(limit, 10);
    if (page.positions.size === 0) return;
    const leases = reader.leases.filter(({ partition }) => page.positions.has(partition));
    reader.arrivals.push({ leases, topics, ...page });
  }

  /** What a reader does that was fenced off: it may not read on from where it is, because a page before is not stored. */
  async giveUp(reader: ModelReader): Promise<void> {
    await reader.reader?.close();
    Object.assign(reader, { leases: [], reader: undefined, arrivals: [] });
  }

  async admit(arrival: Arrival, isCommitting: boolean): Promise<boolean> {
    const { inbox, tx } = this.fixture;
    let admitted: readonly CloudEvent[] = [];
    return this.attempt(async () => {
      try {
        await tx(async (sql) => {
          admitted = await inbox.admit(sql, arrival);
          if (!isCommitting) throw new RolledBack();
        });
        this.takeEffect(admitted);
      } catch (error) {
        if (!(error instanceof RolledBack)) throw error;
      }
    });
  }

  async complete(claim: Claim, isCommitting: boolean): Promise<void> {
    const { inbox, tx } = this.fixture;
    await this.attempt(async () => {
      try {
        await tx(async (sql) => {
          await inbox.complete(claim, sql);
          if (!isCommitting) throw new RolledBack();
        });
        this.takeEffect([claim.event]);
      } catch (error) {
        if (!(error instanceof RolledBack)) throw error;
      }
    });
  }

  /** Lets a healthy relay and a healthy consumer bring everything to its end. */
  async finish(model: EventsModel): Promise<void> {
    const { outbox, inbox, log } = this.fixture;
    for (const { owner } of this.relays) {
      // The lease that it believes to have may be older than a rewind.
      const lease = await outbox.acquire(owner, membershipMs);
      if (lease !== undefined) await outbox.release(lease);
    }
    for (const { instance, reader } of this.readers) {
      await reader?.close();
      await inbox.leave(log.id, instance);
    }
    await inbox.release('worker');
    const relay: ModelRelay = { owner: 'orders-3', lease: undefined, cursor: undefined };
    const reader: ModelReader = { instance: 'mail-3', leases: [], reader: undefined, arrivals: [] };
    await this.share(reader);
    const total = [...model.committed.values()].reduce((sum, values) => sum + values.length, 0);
    const endsAtMs = Date.now() + 30_000;
    while (this.#count() < total && Date.now() < endsAtMs) {
      await this.relayPage(relay, { limit: 100, confirms: true });
      await this.read(reader, 100);
      for (const arrival of reader.arrivals.splice(0)) await this.admit(arrival, true);
      const letters = await inbox.deadLetters(100);
      await inbox.retryDeadLetters(
        letters.map(({ id }) => id),
        'test',
      );
      for (const claim of await inbox.claim({ owner: 'worker', limit: 100, leaseMs: membershipMs })) {
        await this.complete(claim, true);
      }
      model.assertConsistent(this.effects);
    }
    await reader.reader?.close();
  }

  #count(): number {
    return [...this.effects.values()].reduce((sum, values) => sum + values.length, 0);
  }

  #open({ leases }: ModelReader): Promise<LogReader> {
    const from = new Map<number, StartAt>(
      leases.map(({ partition, positions }) => [partition, positions['orders.placed'] ?? 'start']),
    );
    return this.fixture.log.open({ group: 'mail', topics, from });
  }
}

class RolledBack extends Error {}

import assert from 'node:assert/strict';
import type { Sql } from '@banyan/core';
import { until } from '@banyan/core/testing';
import type { CloudEvent } from '../cloud-event.ts';
import type { Arrival, Claim, Inbox, PartitionLease, Share } from '../inbox.ts';
import { valuesOf } from './samples.ts';

export interface InboxFixture {
  readonly inbox: Inbox;
  /** Another handle on the same inbox, as another process of the service would have. */
  readonly other: Inbox;
  /** Runs `work` in a transaction of the inbox's database. */
  tx(work: (sql: Sql) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Shorthands over one inbox. */
export interface InboxDriver extends InboxFixture {
  /** A share in the log `log` with four partitions. */
  share(instance: string, options?: { readonly inbox?: Inbox; readonly leaseMs?: number }): Promise<Share>;
  /** All partitions, for the only instance. */
  leases(): Promise<readonly PartitionLease[]>;
  /** A page that ends at `position` in all partitions of the leases. */
  arrival(
    events: readonly CloudEvent[],
    options?: Partial<Arrival> & { position?: string },
  ): Promise<Arrival>;
  ingest(...events: readonly CloudEvent[]): Promise<void>;
  /** Admits the events in a transaction of their own; returns which are to be handled. */
  admit(...events: readonly CloudEvent[]): Promise<readonly CloudEvent[]>;
  claim(
    limit?: number,
    options?: { readonly owner?: string; readonly leaseMs?: number },
  ): Promise<readonly Claim[]>;
  /** The only claim to be had. */
  claimOne(): Promise<Claim>;
  /** A claim, as soon as there is one. */
  claimNext(): Promise<Claim>;
}

export const sharedPartitions = 4;

export function createInboxDriver(fixture: InboxFixture): InboxDriver {
  const { inbox, tx } = fixture;
  const driver: InboxDriver = {
    ...fixture,
    share: (instance, options = {}) =>
      (options.inbox ?? inbox).share({
        log: 'log',
        partitions: sharedPartitions,
        instance,
        leaseMs: options.leaseMs ?? 60_000,
      }),
    async leases() {
      const { leases } = await driver.share('mail-1');
      assert.equal(leases.length, sharedPartitions);
      return leases;
    },
    async arrival(events, { position = '1', ...options } = {}) {
      const leases = options.leases ?? (await driver.leases());
      return {
        leases,
        topics: ['orders.placed'],
        positions: new Map(leases.map(({ partition }) => [partition, position])),
        malformed: [],
        events,
        ...options,
      };
    },
    async ingest(...events) {
      await inbox.ingest(await driver.arrival(events));
    },
    async admit(...events) {
      const arrival = await driver.arrival(events);
      let admitted: readonly CloudEvent[] = [];
      await tx(async (sql) => {
        admitted = await inbox.admit(sql, arrival);
      });
      return admitted;
    },
    claim: (limit = 100, { owner = 'worker', leaseMs = 60_000 } = {}) =>
      inbox.claim({ owner, limit, leaseMs }),
    async claimOne() {
      const claims = await driver.claim();
      assert.equal(claims.length, 1);
      return claims[0] as Claim;
    },
    claimNext: () =>
      until(async () => (await driver.claim()).at(0), 'an event can be claimed') as Promise<Claim>,
  };
  return driver;
}

export function claimedValues(claims: readonly Claim[]): unknown[] {
  return valuesOf(claims.map((claim) => claim.event));
}

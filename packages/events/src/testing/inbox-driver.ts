import assert from 'node:assert/strict';
import type { Sql } from '@banyan/core';
import type { CloudEvent } from '../cloud-event.ts';
import type { Claim, Inbox } from '../inbox.ts';
import { valuesOf } from './samples.ts';

export interface InboxFixture {
  readonly inbox: Inbox;
  /** Runs `work` in a transaction of the inbox's database. */
  tx(work: (sql: Sql) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Shorthands over one inbox. */
export interface InboxDriver extends InboxFixture {
  ingest(...events: readonly CloudEvent[]): Promise<void>;
  claim(
    limit?: number,
    options?: { readonly owner?: string; readonly leaseMs?: number },
  ): Promise<readonly Claim[]>;
  /** The only claim to be had. */
  claimOne(): Promise<Claim>;
}

export function createInboxDriver(fixture: InboxFixture): InboxDriver {
  const { inbox } = fixture;
  const claim: InboxDriver['claim'] = (limit = 100, { owner = 'worker', leaseMs = 60_000 } = {}) =>
    inbox.claim({ owner, limit, leaseMs });
  return {
    ...fixture,
    claim,
    async ingest(...events) {
      const from = await inbox.checkpoint('log');
      assert.ok(await inbox.ingest({ log: 'log', from, positions: { 'orders.placed': '1' }, events }));
    },
    async claimOne() {
      const claims = await claim();
      assert.equal(claims.length, 1);
      return claims[0] as Claim;
    },
  };
}

export function claimedValues(claims: readonly Claim[]): unknown[] {
  return valuesOf(claims.map((claim) => claim.event));
}

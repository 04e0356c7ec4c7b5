import assert from 'node:assert/strict';
import type { Sql } from '@banyan/core';
import type { CloudEvent } from '../cloud-event.ts';
import type { EncodedEvent } from '../encoded-event.ts';
import type { AppendOptions, Outbox, OutboxCursor, RelayLease } from '../outbox.ts';

export interface OutboxFixture {
  readonly outbox: Outbox;
  /** Another handle on the same outbox, as another process of the service would have. */
  readonly other: Outbox;
  /** Runs `work` in a transaction of the outbox's database. */
  tx(work: (sql: Sql) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Shorthands over one outbox. */
export interface OutboxDriver extends OutboxFixture {
  append(events: readonly CloudEvent[], options?: AppendOptions): Promise<void>;
  /** A transaction that has appended `events` and waits for its end. */
  open(events: readonly CloudEvent[]): Promise<OpenTransaction>;
  /** The lease, which nobody else has. */
  acquire(owner?: string): Promise<RelayLease>;
  /** Reads pages until there is no more, and confirms each; returns what was read. */
  relay(lease: RelayLease, limit?: number): Promise<readonly EncodedEvent[]>;
}

export interface OpenTransaction {
  commit(): Promise<void>;
  rollBack(): Promise<void>;
}

export function createOutboxDriver(fixture: OutboxFixture): OutboxDriver {
  const { outbox, tx } = fixture;
  return {
    ...fixture,
    append: (events, options) => tx((sql) => outbox.append(sql, events, options)),
    async open(events) {
      const gate = Promise.withResolvers<void>();
      const appended = Promise.withResolvers<void>();
      const ended = tx(async (sql) => {
        await outbox.append(sql, events);
        appended.resolve();
        await gate.promise;
      });
      await Promise.race([appended.promise, ended]);
      return {
        commit() {
          gate.resolve();
          return ended;
        },
        rollBack() {
          gate.reject(new Error('rolled back'));
          return assert.rejects(ended, /rolled back/);
        },
      };
    },
    async acquire(owner = 'orders-1') {
      const lease = await outbox.acquire(owner, 60_000);
      assert.ok(lease, 'somebody else has the lease');
      return lease;
    },
    async relay(lease, limit = 100) {
      const events: EncodedEvent[] = [];
      let cursor: OutboxCursor = await outbox.cursor(lease);
      for (let more = true; more; ) {
        const page = await outbox.read(cursor, limit);
        assert.ok(
          page.events.length <= limit,
          `${page.events.length} events, at most ${limit} were asked for`,
        );
        events.push(...page.events);
        ({ cursor, more } = page);
        await outbox.confirm(lease, cursor);
      }
      return events;
    },
  };
}

export function encodedValues(events: readonly EncodedEvent[]): unknown[] {
  return events.map(({ text }) => (JSON.parse(text) as { data: { value: unknown } }).data.value);
}

import type { Clock } from '@banyan/core';
import { type CloudEvent, encodeEvent, orderingKeyOf } from '../cloud-event.ts';
import type { Outbox } from '../outbox.ts';
import type { MemoryTransactions } from './memory-transactions.ts';

interface Entry {
  readonly event: CloudEvent;
  readonly appendedAtMs: number;
  publishedAtMs: number | undefined;
}

export function createMemoryOutbox(transactions: MemoryTransactions, clock: Clock): Outbox {
  let entries: Entry[] = [];
  /** The end of the newest transaction that appended to a key. */
  const tails = new Map<string, Promise<void>>();
  let isBusy = false;
  const unpublished = () => entries.filter((entry) => entry.publishedAtMs === undefined);
  return {
    async append(sql, events) {
      const copies = events.map((event) => JSON.parse(encodeEvent(event)) as CloudEvent);
      const ended = Promise.withResolvers<void>();
      const keys = [...new Set(copies.map(orderingKeyOf))];
      const earlier = keys.flatMap((key) => tails.get(key) ?? []);
      // All keys in one go, so that two transactions cannot wait for each other.
      for (const key of keys) tails.set(key, ended.promise);
      transactions.enlist(sql, {
        commit() {
          const appendedAtMs = clock.nowMs();
          for (const event of copies) entries.push({ event, appendedAtMs, publishedAtMs: undefined });
          ended.resolve();
        },
        rollBack: () => ended.resolve(),
      });
      await Promise.all(earlier);
    },
    async transfer(limit, publish) {
      if (isBusy) return { busy: true, published: 0 };
      isBusy = true;
      try {
        const batch = unpublished().slice(0, limit);
        if (batch.length > 0) await publish(batch.map((entry) => entry.event));
        for (const entry of batch) entry.publishedAtMs = clock.nowMs();
        return { busy: false, published: batch.length };
      } finally {
        isBusy = false;
      }
    },
    async backlog() {
      const waiting = unpublished();
      const oldest = waiting[0];
      return {
        count: waiting.length,
        oldestAgeMs: oldest === undefined ? 0 : clock.nowMs() - oldest.appendedAtMs,
      };
    },
    async prune(olderThanMs) {
      const horizonMs = clock.nowMs() - olderThanMs;
      const kept = entries.filter((entry) => (entry.publishedAtMs ?? Number.POSITIVE_INFINITY) >= horizonMs);
      const count = entries.length - kept.length;
      entries = kept;
      return count;
    },
  };
}

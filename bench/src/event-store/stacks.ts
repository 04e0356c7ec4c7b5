import {
  createEventStore,
  createRepository,
  defineAggregate,
  defineEvent,
  defineEvents,
} from '@banyan/event-store';
import { createDatabase, migrate, platformMigrations } from '@banyan/postgres';
import { dumbo, endAllPools, getPool } from '@event-driven-io/dumbo';
import { getPostgreSQLEventStore, readMessagesBatch } from '@event-driven-io/emmett-postgresql';
import { z } from 'zod';

/** One event store under load. */
export interface EventStoreStack {
  /** Appends one event for each text to a stream that must be new. */
  append(stream: string, texts: readonly string[]): Promise<void>;
  /** Folds the stream; resolves with the number of its events. */
  load(stream: string, withSnapshot: boolean): Promise<number>;
  /** Reads the log from its start; resolves with how many events were read. */
  replay(atMost: number): Promise<number>;
  stop(): Promise<void>;
}

export async function startBanyan(url: string): Promise<EventStoreStack> {
  const database = createDatabase({ url });
  await migrate(database, platformMigrations.service, { scope: 'banyan' });
  const events = defineEvents({
    OrderPlaced: defineEvent({ schema: z.object({ orderId: z.string(), text: z.string() }) }),
  });
  const store = createEventStore({ database, events });
  const counter = (snapshotEvery?: number) =>
    createRepository(
      store,
      defineAggregate<typeof events, number, never>({
        name: 'long',
        events,
        initialState: 0,
        decide: () => [],
        evolve: (count) => count + 1,
        ...(snapshotEvery !== undefined && { snapshotEvery }),
      }),
    );
  const [plain, snapshotted] = [counter(), counter(1_000)];
  return {
    async append(stream, texts) {
      const data = texts.map((text) => ({ type: 'OrderPlaced' as const, data: { orderId: stream, text } }));
      await store.append(stream, data, { expected: 'noStream' });
    },
    async load(stream, withSnapshot) {
      return (await (withSnapshot ? snapshotted : plain).load(stream.slice('long-'.length))).state;
    },
    async replay(atMost) {
      let count = 0;
      for await (const page of store.replay()) {
        count += page.events.length;
        if (count >= atMost) break;
      }
      return count;
    },
    stop: () => database.close(),
  };
}

interface OrderPlaced {
  type: 'OrderPlaced';
  data: { orderId: string; text: string };
}

export async function startEmmett(url: string): Promise<EventStoreStack> {
  // Its sockets outlive `close` for a moment, and then hear that the server stops.
  getPool(url).on('error', () => {});
  const store = getPostgreSQLEventStore(url);
  const pool = dumbo({ connectionString: url });
  return {
    async append(stream, texts) {
      const events = texts.map(
        (text): OrderPlaced => ({ type: 'OrderPlaced', data: { orderId: stream, text } }),
      );
      await store.appendToStream(stream, events, { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' });
    },
    async load(stream) {
      const { state } = await store.aggregateStream<number, OrderPlaced>(stream, {
        evolve: (count: number) => count + 1,
        initialState: () => 0,
      });
      return state;
    },
    async replay(atMost) {
      let count = 0;
      let after = 0n;
      for (;;) {
        const page = await readMessagesBatch(pool.execute, { after, batchSize: 2_000 });
        count += page.messages.length;
        after = page.currentGlobalPosition;
        if (!page.areMessagesLeft || count >= atMost) return count;
      }
    },
    async stop() {
      await store.close();
      await pool.close();
      await endAllPools();
    },
  };
}

import {
  type CloudEvent,
  type Consumer,
  createConsumer,
  type EventBatch,
  type EventLog,
  type Inbox,
} from '@banyan/events';
import type { PostgresDatabase } from '@banyan/postgres';

export interface CountedConsumerOptions {
  readonly database: PostgresDatabase;
  readonly log: EventLog;
  readonly inbox: Inbox;
  readonly instance: string;
  readonly batchSize?: number;
  readonly maxAttempts?: number;
  /** Of the handler's own accord: what it throws for an event, if anything. */
  readonly refuse?: (event: CloudEvent) => Error | undefined;
}

class Refused extends Error {}

/** Writes each counted event into `effect`: most of them by the page, every seventh of a key, and what comes behind it, one by one. */
export function createCountedConsumer({
  database,
  refuse = () => undefined,
  ...options
}: CountedConsumerOptions): Consumer {
  return createConsumer({
    name: 'orders',
    topics: ['orders.counted'],
    pollIntervalMs: 50,
    handlerTimeoutMs: 5_000,
    leaseMs: 1_500,
    ...options,
    async handle(event, delivery) {
      const refusal = refuse(event);
      if (refusal !== undefined) throw refusal;
      const { number } = event.data as { readonly number: number };
      await database.tx(async ({ sql }) => {
        await sql`insert into effect (event_id, key, number) values (${event.id}, ${event.subject}, ${number})`;
        await delivery.complete(sql);
      });
    },
    handleBatch: (batch) => handleBatch(database, batch, refuse),
  });
}

async function handleBatch(
  database: PostgresDatabase,
  batch: EventBatch,
  refuse: (event: CloudEvent) => Error | undefined,
) {
  const refused = new Set<string>();
  let handled = 0;
  try {
    await database.tx(
      async ({ sql }) => {
        const events = await batch.admit(sql);
        handled = events.length;
        await Promise.all(
          events.map(async (event) => {
            const { number } = event.data as { readonly number: number };
            if (number % 7 === 0 || refuse(event) !== undefined) refused.add(`orders/${event.subject}`);
            await sql`insert into effect (event_id, key, number) values (${event.id}, ${event.subject}, ${number})`;
          }),
        );
        if (refused.size > 0) throw new Refused();
        batch.beforeCommit();
      },
      { concurrent: true, signal: batch.signal },
    );
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { kind: 'refused' as const, keys: [...refused] };
  }
  return { kind: 'committed' as const, handled };
}

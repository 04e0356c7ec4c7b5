import { createDatabase, type PostgresDatabase, provisionSystem, resetSystem } from '@banyan/postgres';
import { type createTestDatabase, startTestServer } from '@banyan/testing';
import { checkEffects, countItems, untilSettled } from './event-items.ts';
import { createPlaces, type Places } from './host-places.ts';

/** Processes that host a source of numbered items and a sink for them, and the books that tell what became of every item. */
export interface EventChaos extends Places {
  /** Stops sending and resolves when every committed item has had its effect, or fails after `timeoutMs`. */
  settle(timeoutMs: number): Promise<void>;
  /** @throws AssertionError for a lost, doubled or overtaken item, and for a process that ended by itself; returns how many items there were */
  check(): Promise<number>;
  /** Items that were committed, and those that had their effect. */
  count(): Promise<{ readonly sent: number; readonly effects: number }>;
  readonly platformUrl: string;
  /** The services' databases, for whoever may read their outboxes. */
  readonly outboxUrls: Readonly<Record<string, string>>;
  readonly sourceDatabase: PostgresDatabase;
  readonly sinkDatabase: PostgresDatabase;
}

export interface EventChaosOptions {
  /** The services of each place: `source`, `sink` or both. */
  readonly places: readonly (readonly ('source' | 'sink')[])[];
  readonly keys: number;
  readonly seed: number;
  readonly broker?: string | undefined;
  /** Each of a source's three senders waits up to this long between two items. Default 0. */
  readonly paceMs?: number;
  /** Of a role that may create databases. Default: the server of all tests. */
  readonly adminUrl?: string;
}

/** What sessions of the test itself are called, so that faults may spare them. */
export const bookkeeper = 'bookkeeper';

type Scope = Parameters<typeof createTestDatabase>[0];

/** Starts the processes; everything ends and is removed after the test. */
export async function startEventChaos(t: Scope, options: EventChaosOptions): Promise<EventChaos> {
  const { keys, seed, broker, paceMs = 0 } = options;
  const adminUrl = options.adminUrl ?? (await startTestServer()).url;
  const mark = crypto.randomUUID().slice(0, 8);
  const secret = crypto.randomUUID() + crypto.randomUUID();
  const system = `event-chaos-${mark}`;
  const provisioned = { adminUrl, system, prefix: `c${mark}_`, services: ['source', 'sink'], secret };
  const urls = await provisionSystem(provisioned);
  const open = (service: string) =>
    createDatabase({
      url: urls.serviceUrls[service] ?? '',
      maxConnections: 2,
      applicationName: bookkeeper,
    });
  const databases = { sourceDatabase: open('source'), sinkDatabase: open('sink') };
  const places = createPlaces({ ...urls, broker, secret, keys, paceMs, seed }, options.places);
  t.after(async () => {
    places.close();
    await Promise.all(Object.values(databases).map((database) => database.close()));
    await resetSystem({ adminUrl, system });
  });
  await places.allReady();
  return {
    ...places,
    ...databases,
    platformUrl: urls.platformUrl,
    outboxUrls: urls.outboxUrls,
    async settle(timeoutMs) {
      await places.allReady();
      places.order('quiet');
      await untilSettled(databases, timeoutMs);
    },
    async check() {
      places.assertAlive();
      return checkEffects(databases);
    },
    count: () => countItems(databases),
  };
}

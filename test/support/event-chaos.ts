import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createDatabase, type PostgresDatabase, provisionSystem, resetSystem } from '@banyan/postgres';
import { startTestServer } from '@banyan/testing';
import type { ChaosHostPlan } from '../chaos/event-system/host.ts';

const hostFile = fileURLToPath(new URL('../chaos/event-system/host.ts', import.meta.url));

/** Some processes that host a source of numbered items and a sink for them. */
export interface EventChaos {
  /** Ids of the processes that run now. */
  readonly pids: readonly number[];
  /** Kills one process and starts another in its place, without waiting until it is ready. */
  kill(index: number): void;
  /** Lets one process finish what it has in hand and end, and starts another in its place. */
  leave(index: number): void;
  /** Resolves when the process in this place hosts both services. */
  ready(index: number): Promise<void>;
  /** Stops sending and resolves when every committed item has had its effect, or fails after `timeoutMs`. */
  settle(timeoutMs: number): Promise<void>;
  /** @throws AssertionError for a lost, doubled or overtaken item; returns how many there were */
  check(): Promise<number>;
  readonly sourceDatabase: PostgresDatabase;
  readonly sinkDatabase: PostgresDatabase;
}

export interface EventChaosOptions {
  readonly processes: number;
  readonly keys: number;
  readonly seed: number;
  readonly broker?: string | undefined;
}

interface Place {
  readonly instance: string;
  process: ChildProcess;
  ready: Promise<void>;
}

/** Starts the processes; everything ends and is removed after the test. */
export async function startEventChaos(t: TestContext, options: EventChaosOptions): Promise<EventChaos> {
  const { url: adminUrl } = await startTestServer();
  const mark = randomBytes(5).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  const urls = await provisionSystem({
    adminUrl,
    system: `event-chaos-${mark}`,
    prefix: `c${mark}_`,
    services: ['source', 'sink'],
    secret,
  });
  const places: Place[] = [];
  const everybody: Place[] = [];
  let spawned = 0;
  const spawn = (instance: string): Place => {
    spawned += 1;
    const plan: ChaosHostPlan = {
      ...urls,
      broker: options.broker,
      secret,
      instance,
      seed: options.seed + spawned,
      keys: options.keys,
    };
    const process = fork(hostFile, [JSON.stringify(plan)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const ready = new Promise<void>((resolve) => {
      process.once('message', () => resolve());
      process.once('exit', () => resolve());
    });
    const place = { process, ready, instance };
    everybody.push(place);
    return place;
  };
  const [sourceDatabase, sinkDatabase] = [
    urls.serviceUrls['source'] ?? '',
    urls.serviceUrls['sink'] ?? '',
  ].map((url) => createDatabase({ url, maxConnections: 2 })) as [PostgresDatabase, PostgresDatabase];
  t.after(async () => {
    for (const { process } of everybody) process.kill('SIGKILL');
    await Promise.all([sourceDatabase.close(), sinkDatabase.close()]);
    await resetSystem({ adminUrl, system: `event-chaos-${mark}` });
  });
  for (let index = 0; index < options.processes; index += 1) places.push(spawn(String(index + 1)));
  await Promise.all(places.map(({ ready }) => ready));
  return {
    get pids() {
      return places.map(({ process }) => process.pid ?? 0);
    },
    kill(index) {
      places[index]?.process.kill('SIGKILL');
      places[index] = spawn(places[index]?.instance ?? '');
    },
    leave(index) {
      places[index]?.process.send('leave');
      // Another name: who leaves may still run when the next one comes.
      places[index] = spawn(`${index + 1}-${spawned}`);
    },
    ready: async (index) => places[index]?.ready,
    async settle(timeoutMs) {
      await Promise.all(places.map(({ ready }) => ready));
      for (const { process } of places) process.send('quiet');
      await untilSettled({ sourceDatabase, sinkDatabase }, timeoutMs);
    },
    check: () => checkEffects({ sourceDatabase, sinkDatabase }),
    sourceDatabase,
    sinkDatabase,
  };
}

type Databases = Pick<EventChaos, 'sourceDatabase' | 'sinkDatabase'>;

/** Equal for a second, so that an effect that comes twice is seen as well. */
async function untilSettled({ sourceDatabase, sinkDatabase }: Databases, timeoutMs: number): Promise<void> {
  const endMs = Date.now() + timeoutMs;
  for (let equalSinceMs: number | undefined; ; ) {
    const [[sent], [effects]] = await Promise.all([
      sourceDatabase.sql<{ count: number }>`select count(*)::int8 as count from sent`,
      sinkDatabase.sql<{ count: number }>`select count(*)::int8 as count from effect`,
    ]);
    const isEqual = sent?.count === effects?.count;
    equalSinceMs = isEqual ? (equalSinceMs ?? Date.now()) : undefined;
    if (equalSinceMs !== undefined && Date.now() - equalSinceMs > 1_000) return;
    assert.ok(Date.now() < endMs, `${sent?.count} items were sent, ${effects?.count} had their effect`);
    await pause(100);
  }
}

async function checkEffects({ sourceDatabase, sinkDatabase }: Databases): Promise<number> {
  const sent = await sourceDatabase.sql<{ key: string; numbers: number[] }>`
    select key, array_agg(number order by number) as numbers from sent group by key order by key`;
  const effects = await sinkDatabase.sql<{ key: string; numbers: number[] }>`
    select key, array_agg(number order by seq) as numbers from effect group by key order by key`;
  // In the order in which they happened: equal means none lost, none doubled, none overtaken.
  assert.deepEqual(effects, sent);
  return sent.reduce((sum, { numbers }) => sum + numbers.length, 0);
}

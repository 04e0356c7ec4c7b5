import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startTestSystem, type TestProcess, temporaryFolder, untilPasses } from '@banyan/testing';
import hallSystem, { hall } from './fixtures/hall.ts';

interface Hall {
  readonly url: string;
  readonly instances: readonly TestProcess[];
  /** Makes one instance take so long for each answer. */
  slow(instance: TestProcess, ms: number): Promise<void>;
  addGateway(): Promise<TestProcess>;
  /** As the gateway would, without it. */
  askDirectly(): Promise<unknown>;
}

/** A gateway, and three instances of the service behind it, each in a process of its own. */
async function startHall(t: TestContext, instances = 3): Promise<Hall> {
  const folder = await temporaryFolder(t, 'hall');
  const system = await startTestSystem(t, hallSystem, {
    placement: [['leaf']],
    processes: true,
    harsh: false,
    environment: { HALL_SLOW_FOLDER: folder },
  });
  const started = await Promise.all(Array.from({ length: instances }, () => system.addProcess(['hall'])));
  const gateway = await system.addProcess(['gateway']);
  return {
    url: gateway.publicUrl ?? '',
    instances: started,
    slow: (instance, ms) => writeFile(join(folder, String(instance.pid)), String(ms)),
    addGateway: () => system.addProcess(['gateway']),
    askDirectly: () => system.client(hall).ask({}),
  };
}

async function ask(url: string, path = '/answers'): Promise<number> {
  const response = await fetch(url + path, { signal: AbortSignal.timeout(15_000) });
  const body = (await response.json()) as { readonly pid: number };
  assert.equal(response.status, 200, JSON.stringify(body));
  return body.pid;
}

/** Asks `count` times, `width` at a time. @returns how often each process answered */
async function askMany(url: string, count: number, { width = 10, path = '/answers' } = {}) {
  const counts = new Map<number, number>();
  let left = count;
  const client = async () => {
    while (left > 0) {
      left -= 1;
      const pid = await ask(url, path);
      counts.set(pid, (counts.get(pid) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: width }, client));
  return counts;
}

/** Goes on asking until told to stop. */
function load(request: () => Promise<unknown>, width: number) {
  const tookMs: number[] = [];
  const failures: unknown[] = [];
  let goesOn = true;
  const client = async () => {
    while (goesOn) {
      const begunAt = performance.now();
      await request().catch((error) => failures.push(error));
      tookMs.push(performance.now() - begunAt);
    }
  };
  const clients = Promise.all(Array.from({ length: width }, client));
  return {
    tookMs,
    failures,
    async end() {
      goesOn = false;
      await clients;
    },
  };
}

function p99(tookMs: readonly number[]): string {
  const sorted = tookMs.toSorted((left, right) => left - right);
  return `${(sorted[Math.floor(sorted.length * 0.99)] ?? 0).toFixed(1)} ms`;
}

test('300 requests over three processes: about 100 each, exactly in turn if asked for', async (t) => {
  const { url, instances } = await startHall(t);
  await askMany(url, 30);
  const counts = await askMany(url, 300);
  assert.deepEqual(new Set(counts.keys()), new Set(instances.map(({ pid }) => pid)));
  for (const [pid, count] of counts) assert.ok(count > 60 && count < 140, `${pid}: ${count} of 300`);
  const inTurn = await askMany(url, 300, { width: 1, path: '/answers-in-turn' });
  assert.deepEqual([...inTurn.values()], [100, 100, 100]);
});

test('one of three instances killed under load: no request fails, and what is dead gets nothing', async (t) => {
  const { url, instances } = await startHall(t);
  const running = load(() => ask(url), 8);
  await untilPasses(() => assert.ok(running.tookMs.length > 200));
  const [victim] = instances;
  await victim?.kill();
  const before = running.tookMs.length;
  await untilPasses(() => assert.ok(running.tookMs.length > before + 400));
  await running.end();
  assert.deepEqual(running.failures, []);
  const counts = await askMany(url, 100);
  assert.equal(counts.get(victim?.pid ?? 0), undefined);
  assert.equal(counts.size, 2);
});

test('an instance that becomes slow is left out while the others serve', async (t) => {
  const { url, instances, slow } = await startHall(t);
  await askMany(url, 60, { path: '/answers-in-turn' });
  const [victim] = instances;
  assert.ok(victim);
  await slow(victim, 150);
  const served = async () => (await askMany(url, 60, { path: '/answers-in-turn' })).get(victim.pid) ?? 0;
  let share = await served();
  for (let round = 0; round < 10 && share > 0; round += 1) share = await served();
  assert.equal(share, 0);
});

test('one of two gateways killed under load: no request fails after the client has asked the other one', async (t) => {
  const { url, addGateway, askDirectly } = await startHall(t, 2);
  const second = await addGateway();
  const urls = [url, second.publicUrl ?? ''];
  let turn = 0;
  /** A client that knows both and asks the other one if there was no answer. */
  const askEither = async () => {
    turn += 1;
    const [first = '', other = ''] = turn % 2 === 0 ? urls : urls.toReversed();
    return ask(first).catch((error) => {
      if (error instanceof assert.AssertionError) throw error;
      return ask(other);
    });
  };
  const running = load(askEither, 8);
  await untilPasses(() => assert.ok(running.tookMs.length > 400));
  const before = running.tookMs.length;
  await second.kill();
  await untilPasses(() => assert.ok(running.tookMs.length > before + 400));
  await running.end();
  assert.deepEqual(running.failures, []);
  const direct = load(askDirectly, 8);
  await untilPasses(() => assert.ok(direct.tookMs.length > 400));
  await direct.end();
  const through = p99(running.tookMs.slice(0, before));
  t.diagnostic(
    `p99 through two gateways ${through}, around and after the kill of one ${p99(running.tookMs.slice(before))}`,
  );
  t.diagnostic(`p99 of the same calls without a gateway ${p99(direct.tookMs)}`);
});

test('a service that hangs keeps no other route waiting', async (t) => {
  const { url } = await startHall(t, 1);
  await askMany(url, 60);
  const usual = load(() => ask(url), 4);
  await untilPasses(() => assert.ok(usual.tookMs.length > 300));
  await usual.end();
  const leaving = new AbortController();
  const hanging = Array.from({ length: 300 }, () =>
    fetch(`${url}/leaves`, { signal: leaving.signal }).then(
      ({ status }) => status,
      () => 'waited',
    ),
  );
  const meanwhile = load(() => ask(url), 4);
  await untilPasses(() => assert.ok(meanwhile.tookMs.length > 300));
  await meanwhile.end();
  leaving.abort();
  const outcomes = await Promise.all(hanging);
  assert.deepEqual(meanwhile.failures, []);
  // What the service cannot take is refused at once; the rest waited until we left.
  assert.deepEqual(new Set(outcomes), new Set([503, 'waited']));
  t.diagnostic(`p99 before ${p99(usual.tookMs)}, while another service hangs ${p99(meanwhile.tookMs)}`);
});

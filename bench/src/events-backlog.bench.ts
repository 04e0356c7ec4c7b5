import { setTimeout as pause } from 'node:timers/promises';
import { createEvent } from '@banyan/events';
import { createBanyanPair, effects } from './events/banyan.stack.ts';
import { createCpuMeter, findProcesses } from './events/cpu-meter.ts';
import { startPostgresPair } from './events/postgres-pair.ts';
import { type BenchResult, format, summarise } from './harness.ts';

interface Sample {
  readonly atMs: number;
  readonly count: number;
  readonly rssMb: number;
}

/** A full outbox, drained to its last effect with a handler for each event: rate at the start and at the end, and memory. */
export async function run(quick: boolean): Promise<BenchResult> {
  const total = quick ? 50_000 : 1_000_000;
  const pair = await startPostgresPair();
  const meter = createCpuMeter(() => findProcesses(['postgres']));
  const { host, openSource, close } = await createBanyanPair({ pair, meter });
  const store = await openSource();
  console.error(`filling the outbox with ${format(total)} events …`);
  for (let filled = 0; filled < total; filled += 1_000) {
    const events = Array.from({ length: 1_000 }, (_, index) => eventOf(filled + index));
    await store.database.tx(({ sql }) => store.outbox.append(sql, events));
  }
  await store.close();
  const cpuBefore = meter.read();
  const start = performance.now();
  await host.start();
  const samples: Sample[] = [];
  while (effects.delaysMs.length < total) {
    await pause(200);
    const { rss } = process.memoryUsage();
    samples.push({ atMs: performance.now() - start, count: effects.delaysMs.length, rssMb: rss / 2 ** 20 });
  }
  const elapsedMs = performance.now() - start;
  const cpuMs = meter.read() - cpuBefore;
  await host.stop();
  await close();
  await pair.stop();
  const first = rateBetween(samples, total * 0.05, total * 0.25);
  const last = rateBetween(samples, total * 0.75, total * 0.95);
  const rss = samples.map(({ rssMb }) => rssMb);
  return {
    cases: [summarise('banyan, a full outbox drained', 'events/s', [(total / elapsedMs) * 1_000])],
    ratios: { 'rate at the end / at the start': Number((last / first).toFixed(2)) },
    notes: [
      `${format(total)} events of 200 bytes, an insert in another database for each; PostgreSQL with every flush on.`,
      `From 5 to 25 %: ${format(first)} events/s; from 75 to 95 %: ${format(last)} events/s.`,
      `Memory of the process: ${format(Math.min(...rss))} to ${format(Math.max(...rss))} MiB, at the end ${format(rss.at(-1) ?? 0)} MiB (of which 8 bytes for each event are the benchmark's own delays).`,
      `CPU of client and server: ${format((cpuMs / total) * 1_000)} ms for 1,000 events.`,
      'Bars: 80,000/s; the rate at the end within 20 % of the start; flat memory.',
    ],
  };
}

const filler = 'x'.repeat(130);

function eventOf(index: number) {
  const now = Date.now();
  const key = `k${(index * 7919) % 5_000}`;
  const data = { id: index, sentAt: now, key, filler };
  return createEvent({ service: 'source', name: 'placed', type: 'Placed', key, data, occurredAtMs: now });
}

/** Events a second between two counts. */
function rateBetween(samples: readonly Sample[], from: number, to: number): number {
  const left = samples.find(({ count }) => count >= from);
  const right = samples.find(({ count }) => count >= to);
  if (left === undefined || right === undefined || left === right) return Number.NaN;
  return ((right.count - left.count) / (right.atMs - left.atMs)) * 1_000;
}

import { type EventStoreStack, startBanyan, startEmmett } from './event-store/stacks.ts';
import { startPostgresPair } from './events/postgres-pair.ts';
import { type BenchCase, type BenchResult, interleave, ratio } from './harness.ts';

/** Appends of concurrent writers and replay of the whole log, on one PostgreSQL with every flush on, beside Emmett. */
export async function run(quick: boolean): Promise<BenchResult> {
  const durationMs = quick ? 1_000 : 4_000;
  const replayed = quick ? 100_000 : 500_000;
  const pair = await startPostgresPair();
  const banyan = await startBanyan(pair.urlOf('source'));
  const emmett = await startEmmett(pair.urlOf('target'));
  const cases: BenchCase[] = [];
  const appends = (name: string, stack: EventStoreStack, inFlight: number, events: number) =>
    cases.push({ name, unit: 'appends/s', round: () => appendFor(stack, { inFlight, events, durationMs }) });
  for (const inFlight of [1, 64, 512]) {
    for (const events of [1, 10]) {
      const load = `${inFlight} in flight, ${events === 1 ? 'one event' : 'ten events'}`;
      appends(`banyan append, ${load}`, banyan, inFlight, events);
      // More than its pool of connections only waits there.
      if (inFlight <= 64) appends(`emmett append, ${load}`, emmett, inFlight, events);
    }
  }
  const long = quick ? 2_000 : 10_000;
  for (const stack of [banyan, emmett]) {
    await stack.append('long-1', Array(long).fill('filled'));
  }
  cases.push(
    {
      name: 'banyan load of a long aggregate',
      unit: 'ms',
      round: () => time(() => banyan.load('long-1', false)),
    },
    {
      name: 'banyan load of a long aggregate, snapshot',
      unit: 'ms',
      round: () => time(() => banyan.load('long-1', true)),
    },
    {
      name: 'emmett load of a long aggregate',
      unit: 'ms',
      round: () => time(() => emmett.load('long-1', false)),
    },
  );
  const appended = await interleave(cases, quick ? 1 : 3);
  const replays = await interleave(
    [
      { name: 'banyan replay', unit: 'events/s', round: () => replayRate(banyan, replayed) },
      { name: 'emmett replay', unit: 'events/s', round: () => replayRate(emmett, replayed) },
    ],
    quick ? 1 : 3,
  );
  await banyan.stop();
  await emmett.stop();
  await pair.stop();
  const results = [...appended, ...replays];
  const pairs = [
    'append, 1 in flight, one event',
    'append, 64 in flight, one event',
    'append, 64 in flight, ten events',
    'replay',
    'load of a long aggregate',
  ];
  return {
    cases: results,
    ratios: Object.fromEntries(
      pairs.map((name) => [`${name} / emmett`, ratio(results, `banyan ${name}`, `emmett ${name}`)]),
    ),
    notes: [
      'Every flush on (fsync, synchronous_commit, full_page_writes). Each append to a new stream, with expected revision, data of about 200 bytes, validated by Banyan.',
      `A long aggregate has ${long} events. Replay: the whole log in pages, each event parsed.`,
      'Bars: 50,000 appends/s with concurrent writers; 5 × Emmett; replay 500,000 events/s.',
    ],
  };
}

interface Load {
  readonly inFlight: number;
  readonly events: number;
  readonly durationMs: number;
}

let streams = 0;

async function appendFor(stack: EventStoreStack, { inFlight, events, durationMs }: Load): Promise<number> {
  const startedMs = performance.now();
  const texts = Array<string>(events).fill('x'.repeat(170));
  let appends = 0;
  const write = async () => {
    while (performance.now() - startedMs < durationMs) {
      await stack.append(`order-${(streams++).toString(36)}`, texts);
      appends += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, write));
  return appends / ((performance.now() - startedMs) / 1_000);
}

async function replayRate(stack: EventStoreStack, atMost: number): Promise<number> {
  const startedMs = performance.now();
  const count = await stack.replay(atMost);
  return count / ((performance.now() - startedMs) / 1_000);
}

async function time(task: () => Promise<number>): Promise<number> {
  const startedMs = performance.now();
  const count = await task();
  if (count === 0) throw new Error('the aggregate is empty');
  return performance.now() - startedMs;
}

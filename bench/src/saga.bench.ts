import { createCpuMeter, findProcesses } from './events/cpu-meter.ts';
import { startPostgresPair } from './events/postgres-pair.ts';
import { type BenchCase, type BenchResult, type CaseResult, format, interleave, ratio } from './harness.ts';
import { startBanyan } from './saga/banyan.stack.ts';
import { startDbos } from './saga/dbos.stack.ts';
import { startGraphileChain } from './saga/graphile-chain.stack.ts';
import { restateProcess, startRestate } from './saga/restate.stack.ts';
import { drive, type SagaFigures, type SagaStack } from './saga/stack.ts';

/** How V8 comes to have compiled what is measured, and tables to have statistics. */
const warmUpMs = 2_000;

/** A saga of three steps, begun and waited for: beside workflows and chained jobs on the same PostgreSQL. */
export async function run(quick: boolean): Promise<BenchResult> {
  const durationMs = quick ? 1_000 : 4_000;
  const pair = await startPostgresPair();
  const stacks: Readonly<Record<string, () => Promise<SagaStack>>> = {
    'banyan, own database': () => startBanyan(pair, 'local'),
    'banyan, a durable function in its own database': () => startBanyan(pair, 'code'),
    'banyan, two of three steps elsewhere': () => startBanyan(pair, 'across'),
    'banyan, three steps elsewhere': () => startBanyan(pair, 'remote'),
    dbos: () => startDbos(pair),
    restate: () => startRestate(),
    'graphile-worker, chained': () => startGraphileChain(pair),
  };
  const meter = createCpuMeter(() => findProcesses(['postgres', restateProcess]));
  const figures = new Map<string, SagaFigures>();
  /** Each round starts and stops its stack: nothing of one idles, polls or waits for connections beside another. */
  const caseOf = (name: string, start: () => Promise<SagaStack>, concurrency: number): BenchCase => ({
    name: `${name}, ${concurrency} at a time`,
    unit: concurrency === 1 ? 'ms p50' : '/s',
    async round() {
      const stack = await start();
      try {
        await drive(stack, { concurrency, durationMs: warmUpMs }, () => 0);
        const found = await drive(stack, { concurrency, durationMs }, () => meter.read());
        figures.set(`${name}, ${concurrency} at a time`, found);
        return concurrency === 1 ? found.p50Ms : found.perSecond;
      } finally {
        await stack.stop();
      }
    },
  });
  // Peers leave connections open when they are told to stop; that the server ends them must not end the run.
  process.on('uncaughtException', (error) => {
    if ((error as { readonly code?: string }).code !== '57P01') throw error;
  });
  const entries = Object.entries(stacks);
  const cases = await interleave(
    [64, 1].flatMap((concurrency) => entries.map(([name, start]) => caseOf(name, start, concurrency))),
    quick ? 1 : 3,
    { getsWarm: true },
  );
  await pair.stop();
  return {
    cases,
    ratios: ratiosOf(cases),
    notes: [
      'Every flush on (fsync, synchronous_commit, full_page_writes). Client, workers and server share the machine.',
      'Banyan: operation, durable start, three steps with an insert each, recovery and fencing; elsewhere: each step is an operation of another service with a database of its own, whose effect and reply commit together.',
      'DBOS: three checkpointed steps that do nothing, pool of 40. graphile-worker: three jobs, each adds the next in the transaction of its insert.',
      'Restate: a handler of three steps that do nothing but are journaled; server beside it, two partitions, its own storage with its own flushes.',
      ...[...figures].map(
        ([name, { p50Ms, p99Ms, cpuMsPer1000 }]) =>
          `${name}: p50 ${format(p50Ms)} ms, p99 ${format(p99Ms)} ms, CPU ${format(cpuMsPer1000)} ms per 1,000`,
      ),
      'Bars: 15 × DBOS and 8 × Restate in the own database and 5 × and 3 × Restate with steps elsewhere; one alone under 2 ms, elsewhere under 5 ms.',
    ],
  };
}

function ratiosOf(cases: readonly CaseResult[]): Readonly<Record<string, number>> {
  const own = [
    'banyan, own database',
    'banyan, a durable function in its own database',
    'banyan, two of three steps elsewhere',
    'banyan, three steps elsewhere',
  ];
  const pairs = [64, 1].flatMap((concurrency) =>
    own.flatMap((name) =>
      ['dbos', 'restate', 'graphile-worker, chained'].map((peer) => [
        `${name}, ${concurrency} at a time`,
        `${peer}, ${concurrency} at a time`,
      ]),
    ),
  );
  return Object.fromEntries(
    pairs.map(([name = '', peer = '']) => [`${name} / ${peer}`, ratio(cases, name, peer)]),
  );
}

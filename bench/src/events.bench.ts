import { startBanyan } from './events/banyan.stack.ts';
import { startBareNats } from './events/bare-nats.stack.ts';
import { startBareRabbitMq } from './events/bare-rabbitmq.stack.ts';
import { startBullMq } from './events/bullmq.stack.ts';
import { createCpuMeter, findProcesses } from './events/cpu-meter.ts';
import { startGraphileWorker } from './events/graphile-worker.stack.ts';
import { type Measured, toCase } from './events/measured.ts';
import { startMoleculerChannels } from './events/moleculer.stack.ts';
import { Notes } from './events/notes.ts';
import { startPgBoss } from './events/pg-boss.stack.ts';
import { startPostgresPair } from './events/postgres-pair.ts';
import { startRedis } from './events/redis-server.ts';
import type { EventLoad } from './events/stack.ts';
import { type BenchResult, type CaseResult, interleave, ratio } from './harness.ts';

const natsUrl = process.env['BANYAN_TEST_NATS_URL'] ?? 'nats://127.0.0.1:4222';
const rabbitUrl = process.env['BANYAN_TEST_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';

/** "A transaction commits, and its effect is committed once in another database", on PostgreSQL, beside what others offer. */
export async function run(quick: boolean): Promise<BenchResult> {
  const durationMs = quick ? 1_000 : 4_000;
  const pair = await startPostgresPair();
  const redis = await startRedis();
  const servers = findProcesses(['postgres', 'nats-server', 'beam.smp', 'redis-server']);
  const meter = createCpuMeter(() => servers);
  const banyan = (options: { silent?: boolean; grouped?: boolean; consumers?: number } = {}) =>
    startBanyan({ pair, meter, ...options });
  const one: EventLoad = { concurrency: 64, eventsPerTransaction: 1, durationMs };
  const jobs: EventLoad = { ...one, concurrency: 16 };
  const runs: readonly Measured[] = [
    { name: 'banyan', start: () => banyan(), load: one },
    { name: 'banyan, transactions without events', start: () => banyan({ silent: true }), load: one },
    {
      name: 'banyan, 10 events a transaction',
      start: () => banyan(),
      load: { ...one, eventsPerTransaction: 10 },
    },
    {
      name: 'banyan, closed lists',
      start: () => banyan({ grouped: true }),
      load: { ...one, concurrency: 256 },
    },
    { name: 'banyan, 10 consumers', start: () => banyan({ consumers: 10 }), load: one },
    { name: 'pg-boss, job by job', start: () => startPgBoss(pair, meter, false), load: jobs },
    { name: 'pg-boss, tuned', start: () => startPgBoss(pair, meter, true), load: jobs },
    { name: 'graphile-worker, job by job', start: () => startGraphileWorker(pair, meter, false), load: jobs },
    { name: 'graphile-worker, tuned', start: () => startGraphileWorker(pair, meter, true), load: jobs },
    { name: 'bullmq', start: () => startBullMq(redis, meter), load: one },
    { name: 'moleculer channels', start: () => startMoleculerChannels(redis, meter), load: one },
    { name: 'nats client, bare', start: () => startBareNats(natsUrl, meter), load: one },
    { name: 'rabbitmq client, bare', start: () => startBareRabbitMq(rabbitUrl, meter), load: one },
  ];
  const notes = new Notes();
  const saturated = await interleave(
    runs.map((each) => toCase(each, notes)),
    quick ? 1 : 3,
  );
  const own = saturated.find(({ name }) => name === 'banyan')?.median ?? 0;
  const calm: readonly Measured[] = [
    { name: 'banyan at 50/s', start: () => banyan(), load: { ...one, concurrency: 4, rate: 50 } },
    { name: 'banyan at half load', start: () => banyan(), load: { ...one, rate: own / 2 } },
  ];
  const latency = await interleave(
    calm.map((each) => toCase(each, notes, 'ms p50')),
    quick ? 1 : 3,
  );
  await redis.stop();
  await pair.stop();
  return {
    cases: [...saturated, ...latency],
    ratios: ratiosOf(saturated),
    notes: [
      'Every flush on (fsync, synchronous_commit, full_page_writes; appendfsync always). NATS 2.9 acknowledges before it flushes.',
      'Banyan: validated operation, interactive transaction (closed lists: statements known beforehand, which share commits; 256 callers instead of 64), outbox, inbox and an effect in the database of another service, once.',
      'pg-boss, graphile-worker: job in the same transaction, effect in another database, at least once. BullMQ, Moleculer, NATS, RabbitMQ: no transaction, a handler that does nothing.',
      ...notes.lines(),
      'Bars: 12,000/s and 0.8 × the transactions without events; 40,000/s with ten in a transaction; 1.5 × BullMQ; 15 × pg-boss and graphile-worker job by job; their tuned paths, NATS and RabbitMQ bare: parity; p50 unloaded under 3 ms.',
    ],
  };
}

function ratiosOf(results: readonly CaseResult[]): Readonly<Record<string, number>> {
  const peers = [
    'pg-boss, job by job',
    'pg-boss, tuned',
    'graphile-worker, job by job',
    'graphile-worker, tuned',
    'bullmq',
    'moleculer channels',
    'nats client, bare',
    'rabbitmq client, bare',
  ];
  const own = ['banyan', 'banyan, closed lists', 'banyan, 10 events a transaction'];
  const pairs = [
    ['banyan', 'banyan, transactions without events'] as const,
    ...peers.flatMap((peer) => own.map((each) => [each, peer] as const)),
  ];
  return Object.fromEntries(pairs.map(([own, peer]) => [`${own} / ${peer}`, ratio(results, own, peer)]));
}

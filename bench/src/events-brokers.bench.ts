import { openBroker } from '@banyan/banyan';
import { silentLogger, systemClock } from '@banyan/core';
import type { EventLog } from '@banyan/events';
import { startBanyan } from './events/banyan.stack.ts';
import { startBareKafka } from './events/bare-kafka.stack.ts';
import { startBareNats } from './events/bare-nats.stack.ts';
import { startBareRabbitStream } from './events/bare-rabbitmq-stream.stack.ts';
import { createCpuMeter, findProcesses } from './events/cpu-meter.ts';
import { startLog } from './events/log-stack.ts';
import { toCase } from './events/measured.ts';
import { Notes } from './events/notes.ts';
import { type PostgresPair, startPostgresPair } from './events/postgres-pair.ts';
import type { EventLoad, EventStack } from './events/stack.ts';
import { type BenchResult, interleave, ratio } from './harness.ts';

interface Broker {
  readonly name: string;
  readonly url: string | undefined;
  readonly parameter: string;
  readonly bare: (url: string) => Promise<EventStack>;
}

/** Each broker's client used bare, beside Banyan's log on it, and beside the whole way from transaction to effect. */
export async function run(quick: boolean): Promise<BenchResult> {
  const durationMs = quick ? 1_000 : 4_000;
  const servers = findProcesses(['postgres', 'nats-server', 'beam.smp', 'java']);
  const pair = await startPostgresPair();
  const meter = createCpuMeter(() => [...servers, ...findProcesses(['postgres'])]);
  const batches: EventLoad = { concurrency: 4, eventsPerTransaction: 500, durationMs };
  const single: EventLoad = { concurrency: 64, eventsPerTransaction: 1, durationMs };
  const brokers: readonly Broker[] = [
    {
      name: 'NATS JetStream',
      url: process.env['BANYAN_TEST_NATS_URL'],
      parameter: 'name',
      bare: (url) => startBareNats(url, meter),
    },
    {
      name: 'Kafka',
      url: process.env['BANYAN_TEST_KAFKA_URL'],
      parameter: 'prefix',
      bare: (url) => startBareKafka(url.replace('kafka://', '').split('?')[0]?.split(',') ?? [], meter),
    },
    {
      name: 'RabbitMQ streams',
      url: process.env['BANYAN_TEST_RABBITMQ_URL'],
      parameter: 'name',
      bare: (url) => startBareRabbitStream(url, meter),
    },
  ];
  const given = brokers.filter(({ url }) => url !== undefined && url !== '');
  if (given.length === 0)
    throw new Error('Set BANYAN_TEST_NATS_URL, BANYAN_TEST_KAFKA_URL or BANYAN_TEST_RABBITMQ_URL.');
  const notes = new Notes();
  const cases = given.flatMap((broker) => [
    toCase(
      { name: `${broker.name}, bare client`, start: () => broker.bare(broker.url ?? ''), load: batches },
      notes,
    ),
    toCase(
      {
        name: `${broker.name}, banyan's log`,
        start: async () => startLog(await open(broker), meter),
        load: batches,
      },
      notes,
    ),
    toCase({ name: `${broker.name}, end to end`, start: () => startOn(broker, pair), load: single }, notes),
  ]);
  const results = await interleave(cases, quick ? 1 : 3);
  await pair.stop();

  async function startOn(broker: Broker, on: PostgresPair): Promise<EventStack> {
    return startBanyan({ pair: on, meter, log: await open(broker) });
  }

  return {
    cases: results,
    ratios: Object.fromEntries(
      given.map(({ name }) => [
        `${name}: banyan / bare`,
        ratio(results, `${name}, banyan's log`, `${name}, bare client`),
      ]),
    ),
    notes: [
      'Publishers of 500 events at a time, four at once; every batch is confirmed; one reader of everything.',
      'End to end: operation, transaction, outbox, broker, inbox and an effect in the database of another service, once.',
      ...notes.lines(),
      'Bar: 0.7 × the bare client.',
    ],
  };
}

let rounds = 0;

/** A log that nobody has used before. */
async function open({ url, parameter }: Broker): Promise<EventLog> {
  rounds += 1;
  const own = `${url}${url?.includes('?') ? '&' : '?'}${parameter}=bench-${process.pid}-${rounds}`;
  const log = await openBroker(own, { clock: systemClock, logger: silentLogger });
  if (log === undefined) throw new Error(`no broker at ${own}`);
  return log;
}

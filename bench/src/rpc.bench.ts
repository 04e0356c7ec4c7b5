import type { ChildProcess } from 'node:child_process';
import { type BenchCase, type BenchResult, interleave, ratio } from './harness.ts';
import { messageOf, startPinned } from './processes.ts';

const worker = new URL('./rpc/worker.ts', import.meta.url);
const stacks = ['banyan', 'nest', 'moleculer', 'undici', 'grpc'] as const;

/** A call of 200 bytes of JSON each way between two processes, each on a CPU of its own where there are two. */
export async function run(quick: boolean): Promise<BenchResult> {
  const durationMs = quick ? 1_000 : 4_000;
  const servers = await Promise.all(stacks.map(startServer));
  const rounds = new Map<string, { p50Us: number; p99Us: number }[]>();
  const cases = [64, 1].flatMap((concurrency) =>
    stacks.map((name, index): BenchCase => {
      const label = `${name}, ${concurrency} at a time`;
      const samples: { p50Us: number; p99Us: number }[] = [];
      rounds.set(label, samples);
      return {
        name: label,
        unit: concurrency === 1 ? 'µs p50' : 'calls/s',
        async round() {
          const figures = await callFor(name, servers[index]?.address ?? '', { concurrency, durationMs });
          samples.push(figures);
          return concurrency === 1 ? figures.p50Us : figures.callsPerSecond;
        },
      };
    }),
  );
  const results = await interleave(cases, quick ? 1 : 5);
  for (const server of servers) server.process.disconnect();
  const peers = stacks.slice(1);
  return {
    cases: results,
    ratios: Object.fromEntries(
      [64, 1].flatMap((concurrency) =>
        peers.map((peer) => [
          `banyan/${peer}, ${concurrency} at a time`,
          ratio(results, `banyan, ${concurrency} at a time`, `${peer}, ${concurrency} at a time`),
        ]),
      ),
    ),
    notes: [
      'Banyan: validated input and output, service token, end user, deadline, cancellation and trace context on every call.',
      'Peers: validated input, nothing else.',
      ...[...rounds].map(
        ([name, samples]) => `p99 of ${name}: ${Math.round(medianOf(samples.map((each) => each.p99Us)))} µs`,
      ),
      'Bars at 64: 1.2 × NestJS TCP, 1.4 × Moleculer TCP, 3 × undici, 10 × grpc-js; at 1: no worse than the best of them.',
    ],
  };
}

interface StartedServer {
  readonly process: ChildProcess;
  readonly address: string;
}

async function startServer(name: string): Promise<StartedServer> {
  const child = startPinned(worker, ['serve', name], 0);
  const { address } = await messageOf<{ address: string }>(child);
  return { process: child, address };
}

interface Figures {
  readonly callsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

function callFor(
  name: string,
  address: string,
  load: { concurrency: number; durationMs: number },
): Promise<Figures> {
  const words = ['call', name, address, String(load.concurrency), String(load.durationMs)];
  return messageOf<Figures>(startPinned(worker, words, 1));
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

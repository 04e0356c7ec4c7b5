import type { ChildProcess } from 'node:child_process';
import { type BenchCase, type BenchResult, interleave, ratio, summarise } from './harness.ts';
import { messageOf, startPinned } from './processes.ts';

const serverModule = new URL('./http/server.ts', import.meta.url);
const loadModule = new URL('./http/load.ts', import.meta.url);
const stacks = { banyan: 43_791, fastify: 43_792, nest: 43_793 };

/** `POST /orders` with 200 bytes of JSON, validated in and out, 64 connections. */
export async function run(quick: boolean): Promise<BenchResult> {
  const durationMs = quick ? 2_000 : 6_000;
  const servers = await Promise.all(
    Object.entries(stacks).map(async ([name, port]) => {
      const child = startPinned(serverModule, [name, String(port)], 0);
      return { name, port, child, ...(await messageOf<{ headers: Record<string, string> }>(child)) };
    }),
  );
  const cpu = new Map<string, number[]>(servers.map(({ name }) => [name, []]));
  const cases = servers.map(
    ({ name, port, headers, child }): BenchCase => ({
      name,
      unit: 'requests/s',
      async round() {
        const words = [String(port), JSON.stringify(headers), '64', String(durationMs)];
        const before = await cpuOf(child);
        const figures = await messageOf<{ requestsPerSecond: number; requests: number; allRequests: number }>(
          startPinned(loadModule, words, 1),
        );
        cpu.get(name)?.push(((await cpuOf(child)) - before) / figures.allRequests);
        return figures.requestsPerSecond;
      },
    }),
  );
  const rates = await interleave(cases, quick ? 2 : 5);
  // The first value of each is the warm-up's.
  const costs = [...cpu].map(([name, values]) =>
    summarise(`${name}, CPU of the server`, 'µs/request', values.slice(1)),
  );
  const results = [...rates, ...costs];
  for (const { child } of servers) child.disconnect();
  return {
    cases: results,
    ratios: {
      'banyan/fastify': ratio(results, 'banyan', 'fastify'),
      'banyan/nest': ratio(results, 'banyan', 'nest'),
      'banyan/fastify, by CPU': ratio(results, 'banyan, CPU of the server', 'fastify, CPU of the server'),
      'banyan/nest, by CPU': ratio(results, 'banyan, CPU of the server', 'nest, CPU of the server'),
    },
    notes: [
      'Banyan also checks the service token, keeps the deadline and continues the trace of the request.',
      'Where the load side is the slower one the rates are alike, and the CPU of the server is the figure to compare.',
      'Bars: 0.9 × Fastify with the same JSON Schema, 1.3 × NestJS on Fastify.',
    ],
  };
}

async function cpuOf(child: ChildProcess): Promise<number> {
  const answer = messageOf<{ cpuUs: number }>(child);
  child.send('cpu');
  return (await answer).cpuUs;
}

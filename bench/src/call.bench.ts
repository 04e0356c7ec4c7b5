import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';
import { createCallingEdge, echoService } from './banyan-host.ts';
import { createMoleculerCall } from './call/moleculer.ts';
import { echo } from './contract.ts';
import { type BenchCase, type BenchResult, interleave, ratio } from './harness.ts';
import { order } from './payload.ts';

const loop = contract('loop', {
  version: '1.0.0',
  operations: {
    run: operation('POST /runs', {
      input: z.object({ times: z.number().int() }),
      output: z.object({ nanoseconds: z.number() }),
      timeoutMs: 120_000,
    }),
  },
});

/** Measures from inside a handler, where calls are made in earnest: `call` carries caller, user, deadline and trace. */
const loopService = service(loop, {
  uses: { echo },
  operations: {
    async run({ times }, { call }) {
      const start = process.hrtime.bigint();
      for (let index = 0; index < times; index += 1) await call.echo.order(order);
      return { nanoseconds: Number(process.hrtime.bigint() - start) / times };
    },
  },
});

/** One operation of one service called by another in the same process, one after the other. */
export async function run(quick: boolean): Promise<BenchResult> {
  const closing: (() => Promise<void>)[] = [];
  const context = { after: (close: () => Promise<void>) => void closing.push(close) } as never;
  const bench = system('bench', { services: [echoService, loopService], gateway: createCallingEdge([loop]) });
  const times = quick ? 50_000 : 300_000;
  const banyan = async (name: string, development: boolean): Promise<BenchCase> => {
    const running = await startTestSystem(context, bench, { development, harsh: false });
    const client = running.client(loop, { user: { id: 'user-1', scopes: ['orders'] }, timeoutMs: 120_000 });
    return { name, unit: 'ns', round: async () => (await client.run({ times })).nanoseconds };
  };
  const cases: BenchCase[] = [
    await banyan('banyan', false),
    await banyan('banyan, copying as in development', true),
    await createMoleculerCall('moleculer, bare', { validate: false, observe: false, times }),
    await createMoleculerCall('moleculer, validated', { validate: true, observe: false, times }),
    await createMoleculerCall('moleculer, validated, metrics and tracing', {
      validate: true,
      observe: true,
      times: times / 10,
    }),
  ];
  const results = await interleave(cases, quick ? 3 : 7);
  for (let close = closing.pop(); close !== undefined; close = closing.pop()) await close();
  return {
    cases: results,
    ratios: Object.fromEntries(
      ['moleculer, bare', 'moleculer, validated', 'moleculer, validated, metrics and tracing'].map((peer) => [
        `banyan/${peer}`,
        ratio(results, 'banyan', peer),
      ]),
    ),
    notes: [
      'Banyan validates input and output, and carries caller, end user, deadline, cancellation and trace in every case.',
      'Bars: at most 800 ns; at least 7 times as fast as Moleculer with metrics and tracing.',
    ],
  };
}

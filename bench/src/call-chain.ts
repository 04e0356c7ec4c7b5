import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';
import { createCallingEdge } from './banyan-host.ts';

const Value = z.object({ value: z.number().int() });
const echo = (name: string, timeoutMs = 10_000) =>
  contract(name, {
    version: '1.0.0',
    operations: { add: operation('POST /additions', { input: Value, output: Value, timeoutMs }) },
  });
const first = echo('first');
const second = echo('second');
const third = echo('third');
const meter = contract('meter', {
  version: '1.0.0',
  operations: {
    measure: operation('POST /measurements', {
      input: z.object({ times: z.number().int() }),
      output: z.object({ p50Us: z.number(), p99Us: z.number() }),
      timeoutMs: 120_000,
    }),
  },
});

const chain = system('chain', {
  services: [
    service(third, { operations: { add: async ({ value }) => ({ value: value + 1 }) } }),
    service(second, { uses: { third }, operations: { add: (input, { call }) => call.third.add(input) } }),
    service(first, { uses: { second }, operations: { add: (input, { call }) => call.second.add(input) } }),
    service(meter, {
      uses: { first },
      operations: {
        async measure({ times }, { call }) {
          const latencies: number[] = [];
          for (let index = 0; index < times; index += 1) {
            const startedAt = performance.now();
            await call.first.add({ value: index });
            if (index >= times / 5) latencies.push((performance.now() - startedAt) * 1000);
          }
          latencies.sort((left, right) => left - right);
          const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
          return { p50Us: at(0.5), p99Us: at(0.99) };
        },
      },
    }),
  ],
  gateway: createCallingEdge([meter]),
});

/**
 * Three calls, one through the other, between services that keep nothing: the way alone. Split means a host for each service, which reach
 * each other over sockets as processes do, but share this process: what it measures is the lane, not the switch between processes.
 */
export async function measureCallChain(
  isSplit: boolean,
  times: number,
): Promise<{ p50Us: number; p99Us: number }> {
  const closing: (() => Promise<void>)[] = [];
  const context = { after: (close: () => Promise<void>) => void closing.push(close) } as never;
  const placement = isSplit
    ? [['meter'], ['first'], ['second'], ['third']]
    : [['meter', 'first', 'second', 'third']];
  const running = await startTestSystem(context, chain, { placement, harsh: false });
  const figures = await running.client(meter, { timeoutMs: 120_000 }).measure({ times });
  await running.stop();
  return figures;
}

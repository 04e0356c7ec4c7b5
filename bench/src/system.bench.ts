import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Customer, createCustomer, expect } from '../../test/support/customer.ts';
import { measureCallChain } from './call-chain.ts';
import { type BenchCase, type BenchResult, interleave, ratio, summarise } from './harness.ts';
import { startSystem } from './running-system.ts';

/** The photo-print order flow, from the order to the parcel, in one process and split. */
export async function run(quick: boolean): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-bench-'));
  const orders = quick ? 10 : 60;
  const samples = new Map<string, number[]>();
  const note = (name: string, value: number) => samples.set(name, [...(samples.get(name) ?? []), value]);
  const cases = ['one process', 'split'].map(
    (placement): BenchCase => ({
      name: placement,
      unit: 'orders/s',
      async round() {
        const system = await startSystem(join(folder, placement), placement === 'split' ? ['--split'] : []);
        try {
          const customer = await createCustomer(system.url);
          const reading = await measureReading(customer, quick ? 100 : 400);
          note(`${placement}, p50 of reading an order`, reading.p50Us);
          note(`${placement}, p99 of reading an order`, reading.p99Us);
          const chain = await measureCallChain(placement === 'split', quick ? 500 : 3_000);
          note(`${placement}, p50 of a chain of three calls`, chain.p50Us);
          note(`${placement}, p99 of a chain of three calls`, chain.p99Us);
          const before = system.usage();
          const startedAt = performance.now();
          await placeOrders(customer, orders);
          const seconds = (performance.now() - startedAt) / 1000;
          const after = system.usage();
          note(`${placement}, CPU of Node`, ((after.cpuSeconds - before.cpuSeconds) / orders) * 1000);
          note(`${placement}, memory`, after.memoryMb);
          return orders / seconds;
        } finally {
          await system.stop();
        }
      },
    }),
  );
  const rates = await interleave(cases, quick ? 1 : 3);
  await rm(folder, { recursive: true, force: true });
  const unitOf = (name: string) => (/p50|p99/.test(name) ? 'µs' : name.includes('CPU') ? 'ms/order' : 'MB');
  const others = [...samples].map(([name, values]) => summarise(name, unitOf(name), values.slice(1)));
  const results = [...rates, ...others];
  const against = (what: string) => ratio(results, `one process, ${what}`, `split, ${what}`);
  return {
    cases: results,
    ratios: {
      'one process/split, orders/s': ratio(results, 'one process', 'split'),
      'one process/split, p50 of a chain of three calls': against('p50 of a chain of three calls'),
      'one process/split, p50 of reading an order': against('p50 of reading an order'),
      'one process/split, CPU per order': against('CPU of Node'),
    },
    notes: [
      'An order: 8 events between 4 services, a PDF sheet and a label. Reading it: GET /print-orders/{id}, one query, over HTTP.',
      'The chain of three calls runs between services that keep nothing: the way alone, without HTTP and SQL; split, it goes over sockets, within the process of the benchmark.',
      'Bars: one process at least 5 times lower p50 per call chain and half the CPU per order.',
    ],
  };
}

/** One after the other, so that the figure is the way there and back and not the queue. */
async function measureReading(customer: Customer, count: number): Promise<{ p50Us: number; p99Us: number }> {
  const orderId = await placeOrder(customer);
  const latencies: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startedAt = performance.now();
    await (await customer.fetch(`/print-orders/${orderId}`)).arrayBuffer();
    if (index >= count / 10) latencies.push(performance.now() - startedAt);
  }
  latencies.sort((left, right) => left - right);
  const at = (share: number) => (latencies[Math.floor(latencies.length * share)] ?? 0) * 1000;
  return { p50Us: at(0.5), p99Us: at(0.99) };
}

async function placeOrders(customer: Customer, count: number): Promise<void> {
  let left = count;
  const buyer = async () => {
    while (left > 0) {
      left -= 1;
      await untilDespatched(customer, await placeOrder(customer));
    }
  };
  await Promise.all(Array.from({ length: 8 }, buyer));
}

async function placeOrder(customer: Customer): Promise<string> {
  const answer = await expect(customer.placeOrder('tok_ok'), 202);
  return ((await answer.json()) as { orderId: string }).orderId;
}

async function untilDespatched(customer: Customer, orderId: string): Promise<void> {
  for (const endMs = Date.now() + 60_000; Date.now() < endMs; ) {
    if ((await customer.order(orderId)).status === 'despatched') return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`order ${orderId} was not despatched within a minute`);
}

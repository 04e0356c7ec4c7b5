import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { measureCallChain } from './call-chain.ts';
import { type BenchCase, type BenchResult, interleave, ratio, summarise } from './harness.ts';
import { type RunningSystem, startSystem } from './running-system.ts';

const address = { street: 'Main Street 1', city: 'Vienna', postalCode: '1010', country: 'AT' };

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
          const shop = await signUp(system);
          const reading = await measureReading(shop, quick ? 100 : 400);
          note(`${placement}, p50 of reading an order`, reading.p50Us);
          note(`${placement}, p99 of reading an order`, reading.p99Us);
          const chain = await measureCallChain(placement === 'split', quick ? 500 : 3_000);
          note(`${placement}, p50 of a chain of three calls`, chain.p50Us);
          note(`${placement}, p99 of a chain of three calls`, chain.p99Us);
          const before = system.usage();
          const startedAt = performance.now();
          await placeOrders(shop, orders);
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

interface Shop {
  readonly photoId: string;
  send(path: string, init?: RequestInit): Promise<Response>;
}

async function signUp({ url }: RunningSystem): Promise<Shop> {
  const loginId = `bench-${randomUUID().slice(0, 12)}`;
  const account = {
    loginId,
    password: 'correct horse battery',
    name: 'Ann Example',
    email: 'ann@example.org',
    phone: '+431234567',
    address,
  };
  const post = (path: string, body: unknown) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  await (await post('/accounts', account)).json();
  const { token } = (await (await post('/sessions', { loginId, password: account.password })).json()) as {
    token: string;
  };
  const send = (path: string, init: RequestInit = {}) =>
    fetch(url + path, {
      ...init,
      headers: { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string>) },
    });
  const body = await sharp({ create: { width: 2600, height: 1300, channels: 3, background: '#4a7' } })
    .jpeg()
    .toBuffer();
  const uploaded = await send('/photos', { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body });
  const { photoId } = (await uploaded.json()) as { photoId: string };
  return { photoId, send };
}

/** One after the other, so that the figure is the way there and back and not the queue. */
async function measureReading(shop: Shop, count: number): Promise<{ p50Us: number; p99Us: number }> {
  const orderId = await placeOrder(shop);
  const latencies: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startedAt = performance.now();
    await (await shop.send(`/print-orders/${orderId}`)).arrayBuffer();
    if (index >= count / 10) latencies.push(performance.now() - startedAt);
  }
  latencies.sort((left, right) => left - right);
  const at = (share: number) => (latencies[Math.floor(latencies.length * share)] ?? 0) * 1000;
  return { p50Us: at(0.5), p99Us: at(0.99) };
}

async function placeOrders(shop: Shop, count: number): Promise<void> {
  let left = count;
  const buyer = async () => {
    while (left > 0) {
      left -= 1;
      await untilDespatched(shop, await placeOrder(shop));
    }
  };
  await Promise.all(Array.from({ length: 8 }, buyer));
}

async function placeOrder({ photoId, send }: Shop): Promise<string> {
  const response = await send('/print-orders', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
    body: JSON.stringify({
      photoId,
      product: 'mug',
      size: 'standard',
      quantity: 1,
      shipTo: { name: 'Ann Example', ...address },
      payment: { method: 'wallet', walletToken: 'tok_ok' },
    }),
  });
  if (response.status !== 202)
    throw new Error(`an order was answered with ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { orderId: string }).orderId;
}

async function untilDespatched({ send }: Shop, orderId: string): Promise<void> {
  for (const endMs = Date.now() + 60_000; Date.now() < endMs; ) {
    const { status } = (await (await send(`/print-orders/${orderId}`)).json()) as { status: string };
    if (status === 'despatched') return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`order ${orderId} was not despatched within a minute`);
}

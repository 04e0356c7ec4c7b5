import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { expose, gateway } from '@banyan/gateway';
import { createMetrics, createTelemetry, readTelemetrySettings, type Telemetry } from '@banyan/telemetry';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';
import type { Form } from './forms.ts';
import { noSdk, startSdk } from './sdk.ts';

const [form = 'off', receiver = ''] = process.argv.slice(2) as [Form, string];
const sdk = form === 'sdk' ? await startSdk(receiver) : noSdk;

const Order = z.object({ orderId: z.string() });
const stock = contract('stock', {
  version: '1.0.0',
  operations: {
    inStock: operation('GET /stock/:orderId', { input: Order, output: z.object({ count: z.number() }) }),
  },
});
const orders = contract('orders', {
  version: '1.0.0',
  operations: {
    getOrder: operation('GET /orders/:orderId', {
      input: Order,
      output: z.object({ orderId: z.string(), count: z.number() }),
    }),
  },
});

const shop = system('telemetry-bench', {
  services: [
    service(stock, {
      keepsRecords: true,
      operations: {
        inStock: ({ orderId }, { sql }) =>
          sdk.span('stock.inStock', async () => {
            const [row] = await sdk.span(
              'SELECT',
              () => sql<{ count: number }>`
              select length(${orderId}) as count`,
            );
            return { count: row?.count ?? 0 };
          }),
      },
    }),
    service(orders, {
      uses: { stock },
      operations: {
        getOrder: ({ orderId }, { call }) =>
          sdk.span('orders.getOrder', async () => {
            const { count } = await call.stock.inStock({ orderId });
            return { orderId, count };
          }),
      },
    }),
  ],
  gateway: gateway({
    expose: [expose(orders, { getOrder: { access: 'anyone', priority: 'exempt' } })],
    limits: { maxConcurrentPerClient: 1_024 },
  }),
});

const closing: (() => unknown)[] = [];
const started: Telemetry[] = [];
const { publicUrl } = await startTestSystem(
  { after: (hook: unknown) => closing.unshift(hook as () => unknown) } as never,
  shop,
  {
    development: false,
    harsh: false,
    ...(form === 'sampled' || form === 'all' ? { telemetry: createOwn } : undefined),
  },
);
process.send?.(`${publicUrl}/orders/o-1`);
process.on('message', (message) => {
  if (message === 'stop') void stop();
  else {
    const { user, system: kernel } = process.cpuUsage();
    process.send?.({ cpuUs: user + kernel, rssBytes: process.memoryUsage.rss() });
  }
});

/** What `banyan serve` makes of the environment. */
function createOwn(instance: string): Telemetry {
  const settings = readTelemetrySettings(
    { OTEL_EXPORTER_OTLP_ENDPOINT: receiver, OTEL_TRACES_SAMPLER_ARG: form === 'all' ? '1' : '0.1' },
    { development: false, runId: 'bench' },
  );
  const metrics = createMetrics();
  const own = createTelemetry({ settings, system: 'bench', instance, pid: process.pid, metrics });
  own.start();
  started.push(own);
  return own;
}

async function stop(): Promise<void> {
  for (const each of started) await each.stop();
  await sdk.stop();
  for (const hook of closing) await hook();
  process.exit(0);
}

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, event, operation } from '@banyan/contract';
import { joinOpenTelemetry } from '@banyan/opentelemetry';
import { type OtlpReceiver, startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { startTestSystem } from '@banyan/testing';
import { context, createContextKey, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { z } from 'zod';

const Nothing = z.object({});
const stock = contract('stock', {
  version: '1.0.0',
  operations: { reserve: operation('POST /reservations', { input: Nothing, output: Nothing }) },
});
const orders = contract('orders', {
  version: '1.0.0',
  operations: { place: operation('POST /orders', { input: Nothing, output: Nothing }) },
  events: { placed: event('OrderPlaced', { key: 'orderId', data: z.object({ orderId: z.string() }) }) },
});
const probe = contract('probe', { version: '1.0.0', operations: {} });
const placements = [
  { name: 'in one process', placement: [['orders', 'stock', 'probe']] },
  { name: 'split', placement: [['orders', 'probe'], ['stock']] },
] as const;

/** What the handler of `orders.place` can do. */
interface Handler {
  reserve(): Promise<unknown>;
  ask(): Promise<unknown>;
  tell(): Promise<unknown>;
}

interface House {
  readonly placement?: readonly (readonly string[])[];
  /** Default: nobody receives spans. */
  readonly receiver?: OtlpReceiver;
  readonly onReserve?: () => void;
}

const tracer = () => trace.getTracer('lib');

/** Places one order, whose handler runs `work`. Resolves when its spans have arrived. */
async function place(t: TestContext, work: (handler: Handler) => Promise<void>, house: House = {}) {
  const source = house.receiver === undefined ? { OTEL_SDK_DISABLED: 'true' } : {};
  const { telemetry, stop } = createTestTelemetry('shop', house.receiver?.url ?? '', source);
  const shop = system('shop', {
    services: [
      service(stock, {
        operations: {
          reserve: async () => {
            house.onReserve?.();
            return {};
          },
        },
      }),
      service(orders, {
        uses: { stock },
        operations: {
          place: async (_, { call, sql, tx }) => {
            await work({
              reserve: () => call.stock.reserve({}),
              // A statement is sent when it is first waited for.
              ask: async () => await sql`select 1`,
              tell: () => tx(async ({ emit }) => emit('placed', { orderId: '1' })),
            });
            return {};
          },
        },
      }),
      service(probe, { uses: { orders }, operations: {} }),
    ],
  });
  const { placement } = house;
  const running = await startTestSystem(t, shop, {
    telemetry,
    harsh: false,
    ...(placement && { placement }),
  });
  await running.client(orders, { service: 'probe', timeoutMs: 60_000 }).place({});
  await stop();
}

for (const { name, placement } of placements) {
  test(`what a handler calls, asks and tells within a library's span is below that span, ${name}`, async (t) => {
    t.after(joinOpenTelemetry());
    const receiver = await startOtlpReceiver(t);
    const work = ({ reserve, ask, tell }: Handler) =>
      tracer().startActiveSpan('outer', (outer) =>
        tracer().startActiveSpan('inner', async (inner) => {
          await Promise.all([reserve(), ask(), tell()]);
          inner.end();
          outer.end();
          await context.with(ROOT_CONTEXT, ask);
        }),
      );
    const onReserve = () => tracer().startSpan('look up').end();
    await place(t, work, { placement, receiver, onReserve });
    const { spans } = receiver;
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const parentsOf = (span: string, ofService?: string) =>
      spans
        .filter((each) => each.name === span && (ofService ?? each.service) === each.service)
        .map(({ parentSpanId = '' }) => byId.get(parentSpanId)?.name)
        .toSorted();
    assert.deepEqual(parentsOf('outer'), ['orders.place']);
    assert.deepEqual(parentsOf('inner'), ['outer']);
    // Split, the caller has a span of the call, too.
    const isSplit = placement.length > 1;
    assert.deepEqual(parentsOf('stock.reserve'), isSplit ? ['inner', 'stock.reserve'] : ['inner']);
    assert.deepEqual(parentsOf('look up', 'stock'), ['stock.reserve']);
    assert.deepEqual(parentsOf('SELECT'), ['inner', 'orders.place']);
    assert.deepEqual(parentsOf('publish orders.placed'), ['inner']);
    assert.equal(
      new Set(spans.filter(({ name }) => name !== 'COMMIT').map(({ traceId }) => traceId)).size,
      1,
    );
  });
}

test('a span that a library made elsewhere is not taken for the caller', async (t) => {
  t.after(joinOpenTelemetry());
  const receiver = await startOtlpReceiver(t);
  let elsewhere = ROOT_CONTEXT;
  // The context of the handler of another operation, such as a pool of connections may keep.
  const onReserve = () => {
    elsewhere = trace.setSpan(context.active(), tracer().startSpan('kept'));
  };
  const work = async ({ reserve, ask }: Handler) => {
    await reserve();
    await context.with(elsewhere, ask);
  };
  await place(t, work, { receiver, onReserve });
  const statement = receiver.spans.find(({ name }) => name === 'SELECT');
  const handler = receiver.spans.find(({ name }) => name === 'orders.place');
  assert.equal(statement?.parentSpanId, handler?.spanId);
});

test('what a library injects is the trace of the handler, and what it extracts goes on', async (t) => {
  t.after(joinOpenTelemetry());
  const receiver = await startOtlpReceiver(t);
  const sent: { traceparent?: string; baggage?: string } = {};
  const nested: typeof sent = {};
  const outside: typeof sent = {};
  const colour = createContextKey('colour');
  const seen: unknown[] = [];
  const remote = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const work = async ({ reserve }: Handler) => {
    propagation.inject(context.active(), sent);
    tracer().startActiveSpan('request', (span) => {
      propagation.inject(context.active(), nested);
      span.end();
    });
    const received = propagation.extract(context.active(), { traceparent: remote });
    await context.with(received, () =>
      tracer().startActiveSpan('receive', async (span) => {
        await reserve();
        span.end();
      }),
    );
    tracer().startSpan('begin', { root: true }).end();
    await context.with(context.active().setValue(colour, 'red'), async () => {
      await reserve();
      seen.push(context.active().getValue(colour));
    });
  };
  await place(t, work, { receiver });
  propagation.inject(context.active(), outside);
  const { spans } = receiver;
  const named = (wanted: string) => spans.find(({ name }) => name === wanted);
  const header = (wanted: string) => `00-${named(wanted)?.traceId}-${named(wanted)?.spanId}-03`;
  assert.deepEqual(sent, { traceparent: header('orders.place').replace(/3$/, '1') });
  assert.deepEqual(nested, { traceparent: header('request').replace(/3$/, '1') });
  assert.deepEqual(outside, {});
  assert.deepEqual(seen, ['red']);
  const [, traceId, spanId] = remote.split('-');
  assert.equal(named('receive')?.traceId, traceId);
  assert.equal(named('receive')?.parentSpanId, spanId);
  assert.equal(named('receive')?.service, 'orders');
  // The active span leads, as anywhere with OpenTelemetry: what the message caused is in the trace of the message.
  assert.equal(named('stock.reserve')?.parentSpanId, named('receive')?.spanId);
  assert.equal(named('begin')?.parentSpanId, undefined);
  assert.notEqual(named('begin')?.traceId, named('orders.place')?.traceId);
});

for (const bad of ['', '00-00', '00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01', ['a', 'b']]) {
  test(`a traceparent of ${JSON.stringify(bad)} is as good as none`, (t) => {
    t.after(joinOpenTelemetry());
    assert.equal(propagation.extract(ROOT_CONTEXT, { traceparent: bad }), ROOT_CONTEXT);
  });
}

test('where nobody receives spans, the trace still goes through a library', async (t) => {
  t.after(joinOpenTelemetry());
  const sent: { traceparent?: string } = {};
  const behind: { traceparent?: string } = {};
  const work = ({ reserve }: Handler) =>
    tracer().startActiveSpan('request', async (span) => {
      assert.equal(span.isRecording(), false);
      propagation.inject(context.active(), sent);
      await reserve();
      span.end();
    });
  await place(t, work, { onReserve: () => propagation.inject(context.active(), behind) });
  assert.match(sent.traceparent ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.equal(behind.traceparent?.slice(0, 36), sent.traceparent?.slice(0, 36));
});

test('a request that is none of the trace, such as one of an exporter, is left alone', async (t) => {
  t.after(joinOpenTelemetry());
  const receiver = await startOtlpReceiver(t);
  const suppressed = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
  const sent = {};
  const work = async () => {
    const quiet = context.active().setValue(suppressed, true);
    tracer().startSpan('export', {}, quiet).end();
    propagation.inject(quiet, sent);
  };
  await place(t, work, { receiver });
  assert.deepEqual(sent, {});
  assert.ok(receiver.spans.length > 0);
  assert.ok(receiver.spans.every(({ name }) => name !== 'export'));
});

import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { expose, gateway } from '@banyan/gateway';
import { joinOpenTelemetry } from '@banyan/opentelemetry';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { startTestSystem } from '@banyan/testing';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { z } from 'zod';

const weather = contract('weather', {
  version: '1.0.0',
  operations: {
    today: operation('GET /today', { input: z.object({}), output: z.object({ text: z.string() }) }),
    fails: operation('GET /fails', { input: z.object({}), output: z.object({}) }),
  },
});

test('spans of a library that uses the API belong to the handler that it was called from', async (t) => {
  const asked: IncomingMessage['headers'][] = [];
  const outside = createServer((request, response) => {
    asked.push(request.headers);
    response.end('sun');
  });
  await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
  t.after(() => outside.close());
  const { port } = outside.address() as AddressInfo;
  t.after(joinOpenTelemetry());
  const fetching = new UndiciInstrumentation();
  fetching.enable();
  t.after(() => fetching.disable());

  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('weather', receiver.url);
  const running = await startTestSystem(
    t,
    system('weather', {
      services: [
        service(weather, {
          operations: {
            today: async () => ({ text: await (await fetch(`http://127.0.0.1:${port}/now`)).text() }),
            fails: () =>
              trace.getTracer('by hand').startActiveSpan('look', async (span) => {
                span.recordException(new RangeError('too cloudy'));
                span.setStatus({ code: SpanStatusCode.ERROR, message: 'clouds' });
                span.setAttribute('clouds', 8).updateName('look up').end();
                return {};
              }),
          },
        }),
      ],
      gateway: gateway({ expose: [expose(weather, { today: 'anyone', fails: 'anyone' })] }),
    }),
    { telemetry },
  );
  const answer = await fetch(`${running.publicUrl}/today`);
  assert.deepEqual(await answer.json(), { text: 'sun' });
  assert.equal((await fetch(`${running.publicUrl}/fails`)).status, 200);
  // Nobody's: it is called from no handler.
  trace.getTracer('test').startSpan('outside').end();
  await stop();

  const traceId = answer.headers.get('x-trace-id');
  const own = receiver.spans.filter((span) => span.traceId === traceId);
  const handler = own.find(({ name }) => name === 'weather.today');
  const fetched = own.find(
    ({ attributes }) => attributes['otel.scope.name'] === '@opentelemetry/instrumentation-undici',
  );
  assert.ok(handler && fetched);
  assert.equal(fetched.parentSpanId, handler.spanId);
  assert.equal(fetched.service, 'weather');
  assert.equal(fetched.kind, 3);
  assert.equal(fetched.attributes['http.response.status_code'], 200);
  const looked = receiver.spans.find(({ name }) => name === 'look up');
  assert.equal(looked?.isError, true);
  assert.equal(looked?.attributes['clouds'], 8);
  assert.equal(looked?.events[0]?.attributes['exception.type'], 'RangeError');
  assert.equal(
    receiver.spans.some(({ name }) => name === 'outside'),
    false,
  );
  assert.equal(asked.length, 1);
});

test('what a library says loses its secrets, and whatever is no attribute is left out', async (t) => {
  t.after(joinOpenTelemetry());
  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('weather', receiver.url);
  const tracer = telemetry('1').tracer({ name: 'weather' });
  assert.ok(tracer);
  const work = tracer.start({ name: 'work', kind: 'internal', attributes: {} });
  const login = 'redis://user:hunter2@host';
  const circle: string[] = ['round'];
  circle.push(circle as unknown as string);
  tracer.within(work, () => {
    const span = trace.getTracer('cache').startSpan(`GET ${login}`, { attributes: { url: login } });
    span.setAttribute('password', 'hunter2').setAttributes({ at: login, hosts: [login], circle, port: 6379 });
    span.setAttribute('big', 5n as unknown as number).setAttribute('far', Number.POSITIVE_INFINITY);
    span.setAttribute(Symbol('hunter2') as unknown as string, 'kept');
    span.addEvent(`asked ${login}`, { authorization: 'hunter2', to: login });
    span.setStatus({ code: SpanStatusCode.ERROR, message: `no answer from ${login}` }).end();
    trace.getTracer('cache').startSpan('old').updateName(login).end();
  });
  work.end();
  await stop();
  assert.equal(receiver.spans.length, 3);
  assert.doesNotMatch(JSON.stringify(receiver.spans), /hunter2/);
  const told = receiver.spans.find(({ name }) => name.startsWith('GET'));
  const scrubbed = 'redis://user:[redacted]@host';
  assert.equal(told?.name, `GET ${scrubbed}`);
  assert.deepEqual(told?.attributes, {
    'otel.scope.name': 'cache',
    url: scrubbed,
    password: '[redacted]',
    at: scrubbed,
    hosts: [scrubbed],
    circle: ['round'],
    port: 6379,
    symbol: 'kept',
    'otel.status_description': `no answer from ${scrubbed}`,
    'error.type': '_OTHER',
  });
  assert.equal(told?.events[0]?.attributes['authorization'], '[redacted]');
});

test('joining twice is refused, and can be undone', () => {
  const leave = joinOpenTelemetry();
  assert.throws(joinOpenTelemetry, { name: 'TypeError', message: /already/ });
  leave();
  joinOpenTelemetry()();
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, createTelemetry, readTelemetrySettings } from '@banyan/telemetry';
import { noZipkin, startZipkin } from '@banyan/test-support/zipkin-server';
import { eventually } from '@banyan/testing';

interface ZipkinSpan {
  readonly id: string;
  readonly parentId?: string;
  readonly name: string;
  readonly kind?: string;
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

test('a real Zipkin server takes the spans and gives them back as one trace', {
  skip: noZipkin,
}, async (t) => {
  const url = await startZipkin(t);
  const settings = readTelemetrySettings(
    { OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${url}/api/v2/spans` },
    { development: true, runId: 'run' },
  );
  const metrics = createMetrics();
  const telemetry = createTelemetry({ settings, system: 'shop', instance: '1', pid: 1, metrics });
  const root = telemetry
    .tracer({ name: 'gateway' })
    ?.start({ name: 'POST /orders', kind: 'server', attributes: { 'http.route': '/orders' } });
  const child = telemetry
    .tracer({ name: 'orders' })
    ?.start({ name: 'orders.placeOrder', kind: 'server', attributes: {} }, root);
  child?.fail(new RangeError('no such size'));
  child?.end();
  root?.end();
  // Its first answer may take longer than what ends waits for.
  await eventually(
    async () => metrics.render(),
    (page) => /banyan_telemetry_exported_total\{signal="zipkin"\} 2/.test(page),
  );
  await telemetry.stop();
  const found = await eventually(
    async () => {
      const response = await fetch(`${url}/api/v2/trace/${root?.traceId}`);
      return response.ok ? ((await response.json()) as readonly ZipkinSpan[]) : [];
    },
    (spans) => spans.length === 2,
  );
  const byId = new Map(found.map((span) => [span.id, span]));
  const [whole, part] = [byId.get(root?.spanId ?? ''), byId.get(child?.spanId ?? '')];
  assert.deepEqual(
    [whole?.localEndpoint.serviceName, part?.localEndpoint.serviceName],
    ['gateway', 'orders'],
  );
  assert.equal(part?.parentId, whole?.id);
  assert.equal(whole?.kind, 'SERVER');
  assert.equal(whole?.tags['http.route'], '/orders');
  assert.equal(part?.tags['error'], 'RangeError');
});

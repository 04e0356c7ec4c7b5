import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { noPrometheus, startPrometheus } from '@banyan/test-support/prometheus-server';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { untilPasses } from '@banyan/testing';
import photoPrint from '../system.ts';
import { everyPart, startPhotoPrint } from './fixtures/photo-print.ts';

interface Targets {
  readonly activeTargets: readonly {
    readonly discoveredLabels: { readonly __address__: string };
    readonly health: string;
    readonly lastError: string;
  }[];
}

interface Found {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly value: [number, string];
  }[];
}

type Exemplars = readonly {
  readonly exemplars: readonly { readonly labels: Readonly<Record<string, string>> }[];
}[];

test('a real Prometheus reads every service of a system that is split, with its series and their traces', {
  skip: noPrometheus,
}, async (t) => {
  const receiver = await startOtlpReceiver(t);
  const { telemetry } = createTestTelemetry('photo-print', receiver.url);
  const apart = everyPart.map((part) => [part]);
  const { system, customer } = await startPhotoPrint(t, apart, { telemetry });
  const names = photoPrint.services.map(({ name }) => name);
  const urls = await Promise.all(names.map((name) => system.internalUrl(name)));
  const addresses = urls.map((url) => new URL(url).host);
  assert.equal(new Set(addresses).size, names.length);
  const prometheus = await startPrometheus(t, addresses);
  await untilPasses(async () => {
    const { activeTargets } = await prometheus.ask<Targets>('targets', { state: 'active' });
    assert.deepEqual(
      activeTargets
        .map(({ discoveredLabels, health, lastError }) => [discoveredLabels.__address__, health, lastError])
        .sort(),
      addresses.map((address) => [address, 'up', '']).sort(),
    );
  });

  const ada = await customer();
  const answer = await ada.order({});
  await ada.until(answer.json.orderId, 'despatched');
  const valuesOf = async (query: string) => {
    const { result } = await prometheus.ask<Found>('query', { query });
    return result.map(({ metric, value }) => [metric['service'], metric['instance'], Number(value[1])]);
  };
  const address = addresses[names.indexOf('orders')];
  await untilPasses(async () => {
    const placed =
      'banyan_server_duration_seconds_count{service="orders",operation="placeOrder",status="2xx"}';
    assert.deepEqual(await valuesOf(placed), [['orders', address, 1]]);
    assert.deepEqual(await valuesOf('orders_placed_total{payment="wallet"}'), [['orders', address, 1]]);
    const measured = await prometheus.ask<Exemplars>('query_exemplars', {
      query: 'banyan_server_duration_seconds_bucket{service="orders",operation="placeOrder"}',
      start: String(Date.now() / 1_000 - 3_600),
      end: String(Date.now() / 1_000 + 3_600),
    });
    const traceIds = measured.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels['trace_id']));
    assert.deepEqual([...new Set(traceIds)], [answer.headers.get('x-trace-id')]);
  });
});

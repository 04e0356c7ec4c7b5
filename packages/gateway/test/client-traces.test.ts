import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { runShop } from './support/running-shop.ts';

for (const [continueTraces, development, continues] of [
  ['always', false, true],
  ['development', true, true],
  ['development', false, false],
  ['never', true, false],
] as const) {
  test(`with continueTraces '${continueTraces}' ${development ? 'in development' : 'in production'} a client's trace ${continues ? 'goes on' : 'ends at the gateway'}`, async (t) => {
    const shop = await runShop(t, { gateway: { continueTraces }, edge: { development } });
    const theirs = '4bf92f3577b34da6a3ce929d0e0e4736';
    const traceOf = async (...sent: readonly string[]) => {
      const headers = new Headers();
      for (const each of sent) headers.append('traceparent', each);
      const answer = await fetch(`${shop.url}/products`, { headers });
      assert.equal(answer.headers.get('x-trace-id'), shop.contexts.at(-1)?.trace.traceId);
      return answer.headers.get('x-trace-id');
    };
    const sent = `00-${theirs}-00f067aa0ba902b7-00`;
    assert.equal((await traceOf(sent)) === theirs, continues);
    for (const bad of [[sent, sent], [`${sent}-x`], [`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`], ['']])
      assert.match((await traceOf(...bad)) ?? '', new RegExp(`^(?!${theirs}|0{32})[0-9a-f]{32}$`));
  });
}

for (const [sampler, flag, isKept] of [
  ['parentbased_always_on', '00', true],
  ['parentbased_always_off', '01', false],
  ['parentbased_traceidratio', '01', false],
] as const) {
  test(`a client whose trace goes on with flag ${flag} does not choose what ${sampler} keeps`, async (t) => {
    const receiver = await startOtlpReceiver(t);
    const { telemetry, stop } = createTestTelemetry('shop', receiver.url, {
      OTEL_TRACES_SAMPLER: sampler,
      OTEL_TRACES_SAMPLER_ARG: '0',
    });
    const tracer = telemetry('1').tracer({ name: 'gateway' });
    const shop = await runShop(t, { gateway: { continueTraces: 'always' }, edge: { tracer } });
    // All ones: what a ratio by the id would keep first.
    const sent = `00-${'f'.repeat(32)}-00f067aa0ba902b7-${flag}`;
    const answer = await fetch(`${shop.url}/products`, { headers: { traceparent: sent } });
    assert.equal(answer.headers.get('x-trace-id'), 'f'.repeat(32));
    assert.equal(shop.contexts[0]?.trace.sampled, isKept);
    await shop.edge.stop();
    await stop();
    assert.deepEqual(
      receiver.spans
        .filter(({ kind }) => kind === 2)
        .map(({ parentSpanId, traceId }) => [traceId, parentSpanId]),
      isKept ? [['f'.repeat(32), '00f067aa0ba902b7']] : [],
    );
  });
}

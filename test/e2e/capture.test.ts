import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { untilPasses } from '@banyan/testing';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { startSystem } from '../support/running-system.ts';

const directory = fileURLToPath(new URL('./fixtures/shelf-system/', import.meta.url));

for (const flags of [['--calm'], ['--calm', '--split']]) {
  test(`a service with a capture needs nothing but banyan up ${flags.join(' ')}`, async (t) => {
    const receiver = await startOtlpReceiver(t);
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
    const { url } = await startSystem(t, { directory, flags, environment });
    const price = async (sku: string, cents: number) => {
      const response = await fetch(`${url}/products/${sku}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ cents }),
      });
      assert.ok(response.ok, await response.text());
      return response.headers.get('x-trace-id');
    };
    // The slot is made when the task begins; what was committed before is not told of.
    const heard = async (): Promise<unknown> => (await (await fetch(`${url}/heard`)).json()) as unknown;
    let cents = 0;
    await untilPasses(async () => {
      cents += 1;
      await price('mug', cents);
      const { heard: products } = (await heard()) as { heard: readonly unknown[] };
      assert.equal(products.length, 1);
    });
    const traceId = await price('cup', 5);
    await price('mug', cents + 1);
    await untilPasses(async () =>
      assert.deepEqual(await heard(), {
        heard: [
          { sku: 'cup', cents: 5 },
          { sku: 'mug', cents: cents + 1 },
        ],
      }),
    );
    // The capture goes on with the trace that the writer has named, and so does who hears of it.
    const inTrace = () => receiver.spans.filter((span) => span.traceId === traceId).map(({ name }) => name);
    await untilPasses(async () => {
      for (const name of ['shelf.price', 'background prices', 'publish shelf.priced', 'process shelf.priced'])
        assert.ok(inTrace().includes(name), `${name} in ${inTrace()}`);
    });
  });
}

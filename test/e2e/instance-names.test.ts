import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { resetSystem } from '@banyan/postgres';
import { lastFirst, startTestServer, until } from '@banyan/testing';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { startSystem } from '../support/running-system.ts';
import { atTills, tillDirectory } from '../support/till-system.ts';

test('two runs of a system on one database tell their telemetry by the names that they have there', async (t) => {
  const { url: adminUrl } = await startTestServer({ alone: true });
  lastFirst(t).after(() => resetSystem({ adminUrl, system: 'till-system' }));
  const receiver = await startOtlpReceiver(t);
  const environment = {
    DATABASE_URL: adminUrl,
    BANYAN_SECRET: randomBytes(32).toString('base64url'),
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  };
  const start = () => startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment });
  for (const instance of ['books-1', 'books-1-2']) {
    const { url, process } = await start();
    await atTills(url).setTill('one', true);
    const { resource } = await until(
      () =>
        receiver.spans.find(
          (span) => span.service === 'books' && span.resource['process.pid'] === process.pid,
        ),
      `a span of process ${process.pid}`,
    );
    assert.equal(resource['service.instance.id'], instance);
  }
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createAuthority, createServiceTokens } from '@banyan/auth';
import { createDatabase, resetSystem } from '@banyan/postgres';
import { freePort, freePorts, startTestServer, temporaryFolder } from '@banyan/testing';
import { photoPrintDirectory, runBanyan, startSystem, untilAnswers } from '../support/running-system.ts';

const dayMs = 86_400_000;

/** `banyan serve` beside a database server; ended and wiped after the test. */
async function serve(
  t: TestContext,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
) {
  const { url: adminUrl } = await startTestServer({ alone: true });
  const run = runBanyan(['serve', ...words, '--dir', photoPrintDirectory], {
    DATABASE_URL: adminUrl,
    ...environment,
  });
  t.after(async () => {
    run.process.kill('SIGKILL');
    await run.exited;
    await resetSystem({ adminUrl, system: 'photo-print' });
  });
  return run;
}

test('in production a service alone speaks mutual TLS; probes have a port of their own', async (t) => {
  const secret = randomBytes(32).toString('base64url');
  const [port = 0, probePort = 0] = await freePorts(2);
  const run = await serve(t, ['orders'], {
    BANYAN_ENV: 'production',
    BANYAN_SECRET: secret,
    PORT: String(port),
    PROBE_PORT: String(probePort),
  });
  await untilAnswers(`http://127.0.0.1:${probePort}/health/ready`, run);
  assert.equal((await fetch(`http://127.0.0.1:${probePort}/metrics`)).status, 200);
  assert.equal((await fetch(`http://127.0.0.1:${probePort}/products`)).status, 404);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/health/ready`));

  const token = await createServiceTokens({ key: secret, service: 'gateway' }).issue('orders');
  const own = createAuthority({ key: secret, system: 'photo-print' }).issue('gateway', { lifetimeMs: dayMs });
  const asked = request(`https://127.0.0.1:${port}/products`, {
    cert: own.certificate,
    key: own.privateKey,
    ca: own.authorities,
    checkServerIdentity: (_, { subjectaltname }) =>
      subjectaltname === 'URI:spiffe://photo-print/service/orders' ? undefined : new Error(subjectaltname),
    headers: { authorization: `Bearer ${token}` },
  });
  asked.end();
  const [response] = await once(asked, 'response');
  response.resume();
  assert.equal(response.statusCode, 200);
  run.process.kill('SIGTERM');
  assert.deepEqual(await run.exited, { code: 0, signal: null }, run.output());
});

test('certificates of others are read from a folder; one that does not fit ends the start', async (t) => {
  const secret = randomBytes(32).toString('base64url');
  const folder = await temporaryFolder(t, 'tls');
  await mkdir(join(folder, 'orders'));
  // A key of its own: the files are what counts, not what the system's key would give.
  const authority = createAuthority({ key: randomBytes(32).toString('base64url'), system: 'photo-print' });
  const write = async (service: string) => {
    const { certificate, privateKey, authorities } = authority.issue(service, { lifetimeMs: dayMs });
    await writeFile(join(folder, 'orders', 'tls.crt'), certificate);
    await writeFile(join(folder, 'orders', 'tls.key'), privateKey);
    await writeFile(join(folder, 'orders', 'ca.crt'), authorities);
  };
  const environment = { BANYAN_SECRET: secret, BANYAN_TLS: folder };
  const missing = await serve(t, ['orders'], environment);
  assert.notEqual((await missing.exited).code, 0);
  assert.match(missing.output(), /certificates_unusable|tls\.crt cannot be read/);
  await write('payments');
  const wrong = await serve(t, ['orders'], environment);
  assert.notEqual((await wrong.exited).code, 0);
  assert.match(wrong.output(), /is not for 'orders'/);
  await write('orders');
  const probePort = await freePort();
  const run = await serve(t, ['orders'], { ...environment, PROBE_PORT: String(probePort) });
  await untilAnswers(`http://127.0.0.1:${probePort}/health/ready`, run);
});

test('a system that is split works the same, and no service can be reached without a certificate', async (t) => {
  const { url: adminUrl } = await startTestServer({ alone: true });
  t.after(() => resetSystem({ adminUrl, system: 'photo-print' }));
  const running = await startSystem(t, {
    flags: ['--split'],
    environment: { BANYAN_TLS: 'on', DATABASE_URL: adminUrl },
  });
  const answer = await fetch(`${running.url}/products`);
  assert.equal(answer.status, 200);
  const registered = await fetch(`${running.url}/accounts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  assert.equal(registered.status, 400, 'the service has looked at it');
  const platformUrl = new URL(adminUrl);
  platformUrl.pathname = '/banyan';
  const platform = createDatabase({ url: platformUrl.href });
  t.after(() => platform.close());
  const instances = await platform.sql<{ url: string }>`select url from banyan.instances`;
  assert.ok(instances.length >= 7, `${instances.length} instances`);
  for (const { url } of instances) {
    assert.match(url, /^https:/);
    await assert.rejects(fetch(url.replace('https:', 'http:')), url);
  }
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { request } from 'node:https';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createAuthority, createServiceTokens } from '@banyan/auth';
import { resetSystem } from '@banyan/postgres';
import { freePorts, startTestServer } from '@banyan/testing';
import { runBanyan } from '../support/running-system.ts';

const python = '/usr/bin/python3';
const skip = existsSync(python) ? false : 'needs Python 3';
const directory = fileURLToPath(new URL('./fixtures/reviews-system/', import.meta.url));
const script = fileURLToPath(new URL('../../packages/sidecar/test/reviews.py', import.meta.url));
const system = 'reviews-of-books';

test('a Python service speaks mutual TLS with the system through its sidecar, and nothing reaches it without', {
  skip,
}, async (t) => {
  const { url: adminUrl } = await startTestServer({ alone: true });
  t.after(() => resetSystem({ adminUrl, system }));
  const [plainPort = 0, port = 0, probePort = 0] = await freePorts(3);
  const plain = spawn(python, [script, String(plainPort)], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => plain.kill('SIGKILL'));
  await once(plain.stdout, 'data');
  const secret = randomBytes(32).toString('base64url');
  const upstream = `http://127.0.0.1:${plainPort}`;
  const words = ['sidecar', 'reviews', '--upstream', upstream, '--port', String(port), '--production'];
  const run = runBanyan([...words, '--dir', directory], {
    DATABASE_URL: adminUrl,
    BANYAN_SECRET: secret,
    PROBE_PORT: String(probePort),
  });
  t.after(async () => {
    run.process.kill('SIGKILL');
    await run.exited;
  });
  const ready = () => fetch(`http://127.0.0.1:${probePort}/health/ready`).catch(() => undefined);
  for (const endMs = Date.now() + 60_000; (await ready())?.status !== 200; ) {
    assert.ok(Date.now() < endMs, run.output());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await assert.rejects(fetch(`http://127.0.0.1:${port}/reviews/dune`), 'plain HTTP');
  const tokens = createServiceTokens({ key: secret, service: 'shop' });
  const get = async (certificateOf: string | undefined) => {
    const authority = createAuthority({ key: secret, system });
    const own = authority.issue(certificateOf ?? 'shop', { lifetimeMs: 86_400_000 });
    const asked = request(`https://127.0.0.1:${port}/reviews/dune`, {
      ca: own.authorities,
      ...(certificateOf === undefined ? {} : { cert: own.certificate, key: own.privateKey }),
      checkServerIdentity: (_, { subjectaltname }) =>
        subjectaltname === `URI:spiffe://${system}/service/reviews` ? undefined : new Error(subjectaltname),
      headers: {
        authorization: `Bearer ${await tokens.issue('reviews')}`,
        'banyan-user': await tokens.issueUser({ id: 'ann', scopes: [] }),
      },
    });
    asked.end();
    const [response] = await once(asked, 'response');
    const body: unknown = JSON.parse((await response.toArray()).join(''));
    return { status: response.statusCode as number, body: body as { seen: string; reason?: string } };
  };
  await assert.rejects(get(undefined), 'without a certificate');
  assert.equal((await get('reviews')).body.reason, 'wrong_certificate', 'the token of another service');
  const allowed = await get('shop');
  assert.equal(allowed.status, 200);
  assert.equal((JSON.parse(allowed.body.seen) as Record<string, string>)['banyan-user-id'], 'ann');
  run.process.kill('SIGTERM');
  assert.deepEqual(await run.exited, { code: 0, signal: null }, run.output());
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { binary, contract, operation } from '@banyan/contract';
import { sidecar } from '@banyan/sidecar';
import { freePort, freePorts, stallMs, startTestSystem, type TestSystem, until } from '@banyan/testing';
import { z } from 'zod';
import { books, reviews, skip, startPython } from './support/books.ts';

async function start(t: TestContext) {
  const [port = 0, outgoing = 0] = await freePorts(2);
  const plain = await startPython(t, port, outgoing);
  const running = await startTestSystem(t, books, {
    harsh: false,
    environment: { REVIEWS_UPSTREAM: `http://127.0.0.1:${port}`, REVIEWS_OUTGOING_PORT: String(outgoing) },
  });
  const url = await running.internalUrl('reviews');
  const get = async (book: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}/reviews/${book}`, { headers });
    const text = await response.text();
    const body = JSON.parse(text) as { reason?: string; seen: string };
    return { status: response.status, reason: body.reason, seen: body.seen, text };
  };
  const as = async (
    user?: { readonly id: string; readonly scopes: readonly string[] },
    audience = 'reviews',
  ) => {
    const tokens = running.tokensOf('shop');
    const assertion = user === undefined ? undefined : await tokens.issueUser(user);
    return {
      authorization: `Bearer ${await tokens.issue(audience)}`,
      ...(assertion === undefined ? {} : { 'banyan-user': assertion }),
    };
  };
  return { running, plain, port, outgoing, url, get, as };
}

const ann = { id: 'ann', scopes: ['reader', 'writer'] };
const readers = {
  covers: ['reviews.*'],
  rules: [{ id: 'readers', effect: 'permit', operations: ['reviews.*'], scopes: ['reader'] }],
};

function set(running: TestSystem, value: unknown, expectedVersion: number) {
  return running.documents.put('policies', { value, expectedVersion, by: 'ops', why: 'a test' });
}

test('a plain service in Python is let at by whom the platform lets in, and learns of the user from the sidecar alone', {
  skip,
}, async (t) => {
  const { running, get, as } = await start(t);
  assert.equal((await get('dune')).status, 401, 'no token');
  const elsewhere = await get('dune', await as(ann, 'people'));
  assert.deepEqual([elsewhere.status, elsewhere.reason], [401, 'invalid_service_token'], 'wrong audience');

  const allowed = await get('dune', {
    ...(await as(ann)),
    // Whatever a caller claims in this way is not passed on.
    'banyan-user-id': 'root',
    'banyan-user-scopes': 'admin',
    'banyan-caller': 'gateway',
    'banyan-context': 'guessed',
    'x-user': 'root',
    cookie: 'session=1',
  });
  assert.equal(allowed.status, 200, allowed.text);
  const seen = JSON.parse(allowed.seen) as Record<string, string>;
  assert.equal(seen['banyan-user-id'], 'ann');
  assert.equal(seen['banyan-user-scopes'], 'reader writer');
  assert.equal(seen['banyan-caller'], 'shop');
  assert.match(seen['banyan-context'] ?? '', /^[0-9a-f-]{36}$/);
  assert.match(seen['traceparent'] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);
  const leftMs = Number(seen['banyan-deadline-ms']);
  assert.ok(leftMs > 0 && leftMs <= 10_000, `${leftMs} ms left`);
  for (const name of ['authorization', 'banyan-user', 'x-user', 'cookie'])
    assert.equal(seen[name], undefined, name);
  const nobody = JSON.parse((await get('dune', await as())).seen) as Record<string, string>;
  assert.equal(nobody['banyan-user-id'], undefined);

  // The contract holds, too.
  const client = running.client(reviews, { service: 'shop', user: ann });
  await assert.rejects(client.addReview({ book: 'dune', stars: 6 }), { code: 'invalid_argument' });
  assert.deepEqual(JSON.parse((await client.addReview({ book: 'dune', stars: 5 })).seen), { stars: 5 });
  await assert.rejects(client.getReviews({ book: 'missing' }), { declared: true, reason: 'noSuchBook' });
  await assert.rejects(client.getReviews({ book: 'broken' }), (error: Error & { reason?: string }) => {
    assert.equal(error.reason, 'plain_service_failed');
    assert.ok(!error.message.includes('secret'));
    return true;
  });
});

test('policies hold in front of a plain service, within 5 s of a change, and denials are on record', {
  skip,
}, async (t) => {
  const { running, get, as } = await start(t);
  await set(running, readers, 0);
  const bad = { id: 'ben', scopes: [] };
  const changedAtMs = Date.now();
  await until(async () => (await get('dune', await as(bad))).status === 403, 'the policy is not in force');
  assert.ok(Date.now() - changedAtMs < 5_000 + stallMs);
  assert.equal((await get('dune', await as(ann))).status, 200);
  const platform = await running.audits('reviews');
  assert.deepEqual(
    platform.map(({ action, outcome, caller, details }) => ({ action, outcome, caller, details }))[0],
    {
      action: 'getReviews',
      outcome: 'denied',
      caller: { service: 'shop', user: 'ben' },
      details: { reason: 'denied_by_policy', version: 1 },
    },
  );
  await set(running, { covers: [], rules: [] }, 1);
  const againAtMs = Date.now();
  await until(async () => (await get('dune', await as(bad))).status === 200, 'the change is not in force');
  assert.ok(Date.now() - againAtMs < 5_000 + stallMs);
});

test('a plain service calls others through the sidecar: in the name of the request that it has, or its own', {
  skip,
}, async (t) => {
  const { get, as, outgoing } = await start(t);
  await get('dune', await as({ id: 'eve', scopes: [] }));
  const { seen } = await get('others', await as(ann));
  const [mine, own, ended] = JSON.parse(seen) as Record<string, string>[];
  assert.deepEqual(mine, { service: 'reviews', user: 'ann' });
  assert.deepEqual(own, { service: 'reviews' });
  assert.equal(ended?.['reason'], 'context_ended', 'eve has her answer, so nobody speaks for her any more');
  for (const headers of [
    { origin: 'http://evil.example' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
    { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
  ] as Record<string, string>[]) {
    const fromPage = await fetch(`http://127.0.0.1:${outgoing}/people/me`, { headers });
    assert.equal(fromPage.status, 403, JSON.stringify(headers));
  }
  const elsewhere = await fetch(`http://127.0.0.1:${outgoing}/orders/1`);
  assert.equal(elsewhere.status, 404);
});

test('a plain service that is gone makes its sidecar unready and its callers wait for nothing; it comes back by itself', {
  skip,
}, async (t) => {
  const { running, plain, port, outgoing, url, get, as } = await start(t);
  const ready = async () => (await fetch(`${url}/health/ready`)).status;
  assert.equal(await ready(), 200);
  plain.kill('SIGKILL');
  await once(plain, 'exit');
  const gone = await get('dune', await as(ann));
  assert.deepEqual([gone.status, gone.reason], [503, 'plain_service_unavailable']);
  assert.equal(await ready(), 503);
  assert.equal((await get('dune')).status, 401, 'who may not ask hears nothing of it');
  await startPython(t, port, outgoing);
  assert.equal((await get('dune', await as(ann))).status, 200);
  assert.equal(await ready(), 200);
  await running.hosts[0]?.stop();
  await assert.rejects(fetch(`${url}/reviews/dune`), 'without its sidecar nobody reaches it from elsewhere');
});

test('a sidecar refuses what it could not protect', () => {
  const streaming = contract('files', {
    version: '1.0.0',
    operations: {
      get: operation('GET /file', { input: z.object({}), output: binary({ types: ['image/png'] }) }),
    },
  });
  assert.throws(() => sidecar(streaming), /streams bytes/);
});

test('sagas read through a sidecar, and do not act through it', async (t) => {
  const outgoing = await freePort();
  const heard: string[] = [];
  const askWhoIAm = async (context: string) => {
    const headers = { 'banyan-context': context };
    return (await fetch(`http://127.0.0.1:${outgoing}/people/me`, { headers })).text();
  };
  const plain = createHttpServer((request, response) => {
    if (request.url === '/health') {
      response.end();
      return;
    }
    heard.push(`${request.method} ${request.url}`);
    askWhoIAm(String(request.headers['banyan-context'])).then(
      (seen) => response.end(JSON.stringify({ seen })),
      (error: Error) => response.destroy(error),
    );
  }).listen(0, '127.0.0.1');
  await once(plain, 'listening');
  t.after(() => plain.close());
  const { port } = plain.address() as AddressInfo;
  const running = await startTestSystem(t, books, {
    harsh: false,
    environment: { REVIEWS_UPSTREAM: `http://127.0.0.1:${port}`, REVIEWS_OUTGOING_PORT: String(outgoing) },
  });
  const as = (idempotencyKey: string) =>
    running.client(reviews, { service: 'shop', user: ann, idempotencyKey });
  const { seen } = await as('saga/1/look').getReviews({ book: 'dune' });
  assert.deepEqual(JSON.parse(seen), { service: 'reviews', user: 'ann' }, 'it calls on for the same user');
  assert.deepEqual(heard, ['GET /reviews/dune'], 'asked once');
  const review = { book: 'dune', stars: 5 };
  await assert.rejects(as('saga/1/add').addReview(review), { reason: 'no_saga_calls' });
  await assert.rejects(as('void:saga/1/add').addReview(review), { reason: 'call_voided' });
  assert.deepEqual(heard, ['GET /reviews/dune'], 'so it is true that nothing happened');
});

test('a plain service can send its sidecar nowhere else, and not fill its memory', async (t) => {
  const elsewhere: string[] = [];
  const plain = createHttpServer((request, response) => {
    if (request.url === '/health') response.end();
    else if (request.url === '/reviews/redirect')
      response.writeHead(302, { location: '/reviews/secret' }).end();
    else if (request.url === '/reviews/html') response.end('<p>no JSON</p>');
    else if (request.url === '/reviews/large') response.end(JSON.stringify({ seen: 'x'.repeat(2_000_000) }));
    else if (request.url === '/reviews/slow') response.on('close', () => elsewhere.push('cut off'));
    else elsewhere.push(request.url ?? '');
  }).listen(0, '127.0.0.1');
  await once(plain, 'listening');
  t.after(() => plain.close());
  const { port } = plain.address() as AddressInfo;
  const running = await startTestSystem(t, books, {
    harsh: false,
    environment: { REVIEWS_UPSTREAM: `http://127.0.0.1:${port}` },
  });
  const client = running.client(reviews, { service: 'shop', timeoutMs: 1_000 });
  for (const book of ['redirect', 'html', 'large']) {
    await assert.rejects(client.getReviews({ book }), { code: 'internal', reason: 'bad_plain_answer' }, book);
  }
  await assert.rejects(client.getReviews({ book: 'slow' }), { code: 'deadline_exceeded' });
  await until(async () => elsewhere.length > 0, 'the request goes on although nobody waits');
  assert.deepEqual(elsewhere, ['cut off']);
  for (const upstream of [
    'http://10.0.0.1:9000',
    'http://example.com',
    'https://127.0.0.1',
    'http://127.0.0.1.nip.io',
  ]) {
    const start = startTestSystem(t, books, { environment: { REVIEWS_UPSTREAM: upstream } });
    await assert.rejects(start, { reason: 'invalid_configuration' }, upstream);
  }
});

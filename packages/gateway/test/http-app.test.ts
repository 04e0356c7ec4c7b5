import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, operation } from '@banyan/contract';
import { type AppRequest, type AppResponse, gateway, httpApp } from '@banyan/gateway';
import { z } from 'zod';
import { everything, exchangeRaw, runShop } from './support/running-shop.ts';

const app = contract('app', {
  version: '1.0.0',
  operations: {
    handle: operation('POST /requests', {
      input: z.looseObject({ method: z.string(), path: z.string() }),
      output: z.looseObject({ status: z.int() }),
    }),
  },
});

/** A gateway in front of an application that answers what it was asked, and shows it. */
async function runApp(t: Parameters<typeof runShop>[0], answer: Partial<AppResponse> = {}) {
  const seen: AppRequest[] = [];
  const running = await runShop(t, {
    contract: app,
    handlers: {
      handle(input: AppRequest) {
        seen.push(input);
        return { status: 200, headers: [['content-type', 'text/plain']], body: 'answered', ...answer };
      },
    },
    gateway: { expose: [], apps: [httpApp('/app', app, 'handle')] },
  });
  return { ...running, seen };
}

test('an application gets what is below its prefix, whole, and nothing else', async (t) => {
  const { url, seen } = await runApp(t);
  const answer = await fetch(`${url}/app/token?a=1&b=%20`, {
    method: 'POST',
    body: 'code=x',
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: 'Basic eDp5' },
  });
  assert.deepEqual([answer.status, await answer.text()], [200, 'answered']);
  const { headers, client, ...asked } = seen[0] as AppRequest;
  assert.deepEqual(asked, { method: 'POST', path: '/token', query: 'a=1&b=%20', body: 'code=x' });
  assert.equal(client, '127.0.0.1');
  assert.equal(headers['authorization'], 'Basic eDp5');
  await fetch(`${url}/app`);
  assert.equal(seen[1]?.path, '/');
  for (const path of ['/apple', '/', '/ap', '/app%2ftoken']) await fetch(`${url}${path}`);
  assert.equal(seen.length, 2);
});

test('an application gets neither the session of the gateway nor what only a proxy may say', async (t) => {
  const { url, seen } = await runApp(t);
  await fetch(`${url}/app/x`, {
    headers: {
      cookie: `a=1; __Host-session=${'s'.repeat(43)}; b=2`,
      'x-forwarded-for': '10.1.1.1',
      'x-forwarded-proto': 'https',
      'banyan-client': '10.1.1.1',
      forwarded: 'for=10.1.1.1',
    },
  });
  const {
    accept,
    'sec-fetch-site': _site,
    'accept-language': _language,
    ...headers
  } = seen[0]?.headers ?? {};
  assert.equal(accept, '*/*');
  assert.deepEqual(headers, { cookie: 'a=1; b=2' });
});

test('answers keep the security headers; an application says what its pages need, and nothing about the connection', async (t) => {
  const { url } = await runApp(t, {
    status: 303,
    headers: [
      ['Location', '/elsewhere'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
      ['Content-Security-Policy', "default-src 'none'; form-action 'self'"],
      ['Content-Length', '7'],
      ['Connection', 'close'],
      ['Access-Control-Allow-Origin', '*'],
    ],
    body: '',
  });
  const { status, headers } = await fetch(`${url}/app/x`, { redirect: 'manual' });
  assert.equal(status, 303);
  assert.equal(headers.get('location'), '/elsewhere');
  assert.deepEqual(headers.getSetCookie(), ['a=1', 'b=2']);
  assert.equal(headers.get('content-security-policy'), "default-src 'none'; form-action 'self'");
  assert.equal(headers.get('content-length'), '0');
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.equal(headers.get('referrer-policy'), 'no-referrer');
  assert.equal(headers.get('access-control-allow-origin'), null);
  assert.notEqual(headers.get('connection'), 'close');
});

test('a body that is too large is refused, however its length is told, and never reaches the application', async (t) => {
  const { url, port, seen } = await runApp(t);
  const whole = await fetch(`${url}/app/x`, { method: 'POST', body: 'x'.repeat(65_537) });
  assert.equal(whole.status, 413);
  const chunk = `${(65_537).toString(16)}\r\n${'x'.repeat(65_537)}\r\n0\r\n\r\n`;
  const raw = await exchangeRaw(
    port,
    `POST /app/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunk}`,
  );
  assert.match(raw, /^HTTP\/1\.1 413 /);
  assert.equal((await fetch(`${url}/app/x`, { method: 'POST', body: 'x'.repeat(65_536) })).status, 200);
  assert.equal(seen.length, 1);
});

test('the log names the prefix only: paths and queries may hold secrets', async (t) => {
  const { url, log } = await runApp(t);
  await fetch(`${url}/app/secret?code=secret`);
  const line = log.find(({ message }) => message === 'request');
  assert.equal(line?.fields['route'], '/app/*');
  assert.doesNotMatch(JSON.stringify(log), /secret/);
});

test('an application in the place of an operation, of the platform or of another one stops the start', () => {
  const at = (prefix: string) => httpApp(prefix, app, 'handle');
  assert.throws(
    () => gateway({ expose: [], apps: [at('/docs')] }),
    /the application at \/docs collides with \/docs/,
  );
  assert.throws(() => gateway({ expose: [], apps: [at('/a'), at('/a/b')] }), /\/a\/b collides with \/a/);
  assert.throws(() => gateway({ expose: [everything], apps: [at('/orders')] }), /\/orders collides with/);
  for (const bad of ['app', '/', '/app/', '/App', '/a//b']) assert.throws(() => at(bad), TypeError, bad);
});

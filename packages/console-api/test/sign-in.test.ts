import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createOidcSignIn } from '@banyan/console-api/sign-in';
import { silentLogger, systemClock } from '@banyan/core';

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Sign-in pages of a console that browsers reach at `publicUrl`, and a provider that cannot end its own sessions. */
async function signInPages(t: TestContext, publicUrl: string) {
  const issuer: string = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(
      JSON.stringify({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
      }),
    );
  });
  const pages = createOidcSignIn({
    ...{ issuer, publicUrl, clientId: 'console', isOperator: () => true },
    clock: systemClock,
    logger: silentLogger,
  });
  const url = await serve(t, (request, response) => {
    pages.serve(request, response).catch((error: Error) => response.writeHead(500).end(error.message));
  });
  return { pages, url };
}

test('cookies of a console with TLS cannot be set by a neighbour in its domain', async (t) => {
  const { pages, url } = await signInPages(t, 'HTTPS://console.shop.example/');
  assert.equal(pages.origin, 'https://console.shop.example');
  const answer = await fetch(`${url}/sign-in?to=/traces`, { redirect: 'manual' });
  assert.equal(answer.status, 302);
  assert.match(
    answer.headers.get('set-cookie') ?? '',
    /^__Host-banyan_sign_in=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
  );
  const { searchParams } = new URL(answer.headers.get('location') ?? '');
  assert.equal(searchParams.get('redirect_uri'), 'https://console.shop.example/sign-in/back');
  assert.equal(searchParams.get('prompt'), null);
});

test('a provider that cannot end its session is made to ask for the password again', async (t) => {
  const { url } = await signInPages(t, 'http://127.0.0.1:1');
  const { to } = (await (await fetch(`${url}/sign-out`, { method: 'POST' })).json()) as { to: string };
  const answer = await fetch(new URL(to, url), { redirect: 'manual' });
  assert.equal(new URL(answer.headers.get('location') ?? '').searchParams.get('prompt'), 'login');
});

test('an address that is none is left to whoever refuses it', async (t) => {
  const { pages } = await signInPages(t, 'http://127.0.0.1:1');
  const request = { url: '//', method: 'GET', headers: {} } as Parameters<typeof pages.serve>[0];
  assert.equal(await pages.serve(request, {} as Parameters<typeof pages.serve>[1]), false);
});

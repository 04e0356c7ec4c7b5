import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Logger } from '@banyan/banyan';
import { goodPassword } from './fixtures/identity.ts';
import { createOAuthBrowser } from './fixtures/oauth-browser.ts';
import { basic, codeOf, exchangeCode, oauthFlow, postForm } from './fixtures/oauth-flow.ts';
import { type OAuthIdentity, redirectUri, shopSecret, startOAuth } from './fixtures/oauth-system.ts';

const cleaning: (() => unknown)[] = [];
const logged: string[] = [];
let identity: OAuthIdentity;

function keepingLogger(): Logger {
  const keep = (...line: unknown[]) => {
    logged.push(
      JSON.stringify(line, (_name, value) => (value instanceof Error ? String(value.stack) : value)),
    );
  };
  return { debug: keep, info: keep, warn: keep, error: keep, with: () => keepingLogger() };
}

before(async () => {
  identity = await startOAuth({ after: (cleanUp) => cleaning.push(cleanUp) }, { logger: keepingLogger() });
});
after(async () => {
  for (const cleanUp of cleaning.reverse()) await cleanUp();
});

test('pages cannot be framed, run no script, tell no referrer, and every form is answered with 303', async () => {
  const { browser } = await oauthFlow(identity);
  const posts = browser.answers.filter(({ location }) => location !== null);
  assert.ok(posts.length >= 5);
  for (const { status, url } of posts) assert.equal(status, 303, url);
  for (const { headers, url } of browser.answers) {
    assert.equal(headers.get('referrer-policy'), 'no-referrer', url);
    assert.equal(headers.get('cache-control'), 'no-store', url);
    const policy = headers.get('content-security-policy') ?? '';
    assert.match(policy, /frame-ancestors 'none'/, url);
    assert.match(policy, /default-src 'none'/, url);
    assert.doesNotMatch(policy, /script-src|unsafe/, url);
  }
});

test('a form is taken from the browser that was asked, and from a page of ours only', async () => {
  const { loginId } = await identity.register();
  const browser = createOAuthBrowser(new URL(identity.issuer).origin);
  const params = {
    client_id: 'shop',
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'openid',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  };
  const { url } = await browser.open(`${identity.issuer}/authorize?${new URLSearchParams(params)}`);
  const send = (headers: Readonly<Record<string, string>>) =>
    fetch(`${url.href}/password`, {
      method: 'POST',
      body: new URLSearchParams({ login_id: loginId, password: goodPassword }),
      headers,
      redirect: 'manual',
    });
  for (const foreign of [
    {},
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
  ]) {
    assert.equal((await send(foreign)).status, 403, JSON.stringify(foreign));
  }
  const otherBrowser = await send({ 'sec-fetch-site': 'same-origin', accept: 'text/html' });
  assert.equal(otherBrowser.status, 400);
  assert.match(await otherBrowser.text(), /This took too long/);
});

test('neither addresses nor the log hold tokens, codes, passwords or secrets', async () => {
  const one = await oauthFlow(identity);
  const tokens = (await exchangeCode(identity, one)).json;
  await postForm(
    `${identity.issuer}/token`,
    { grant_type: 'refresh_token', refresh_token: tokens.refresh_token },
    basic('shop', shopSecret),
  );
  const addresses = one.browser.answers.map(({ url, location }) => `${url} ${location}`).join('\n');
  for (const secret of [
    tokens.access_token,
    tokens.refresh_token,
    tokens.id_token,
    goodPassword,
    encodeURIComponent(goodPassword),
  ]) {
    assert.ok(!addresses.includes(secret));
  }
  const all = logged.join('\n');
  assert.ok(all.includes('/oauth/*'), 'the log is kept');
  for (const secret of [
    tokens.access_token,
    tokens.refresh_token,
    tokens.id_token,
    codeOf(one),
    one.verifier,
    goodPassword,
    shopSecret,
  ]) {
    assert.ok(!all.includes(secret));
  }
});

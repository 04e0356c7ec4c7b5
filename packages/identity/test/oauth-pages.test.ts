import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import {
  noChromium,
  type PageBrowser,
  picture,
  scrollsSideways,
  startPageBrowser,
  viewports,
} from '@banyan/test-support/page-browser';
import { codeNow } from './fixtures/authenticator.ts';
import { codeIn, goodPassword } from './fixtures/identity.ts';
import { startOAuth } from './fixtures/oauth-system.ts';

/** Where a client's users come back to; another origin, as it would be. */
async function startClientPage(t: TestContext): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><html lang="en"><title>Client</title><h1>Back at the client</h1></html>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;
}

type Page = Awaited<ReturnType<PageBrowser['open']>>;

/** Nothing wrong for axe in light and dark, nothing wider than a telephone or a laptop. */
async function expectGood(
  browser: PageBrowser,
  page: Page,
  { name, title }: { readonly name: string; readonly title: string },
): Promise<void> {
  assert.equal(await page.locator('h1').innerText(), title);
  await browser.expectNothingFromAxe(page, name);
  for (const [device, viewport] of Object.entries(viewports)) {
    await page.setViewportSize(viewport);
    assert.equal(await scrollsSideways(page), false, `${name}, ${device}`);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await picture(page, `oauth-${name}-${device}-${colorScheme}`);
    }
  }
  await page.setViewportSize(viewports.telephone);
  await page.emulateMedia({ colorScheme: 'light' });
}

test('in Chromium somebody signs in with a code, agrees, looks at the account, withdraws and signs out; every page is accessible in light and dark, and fits a telephone', {
  skip: noChromium,
}, async (t) => {
  const identity = await startOAuth(t);
  const { loginId, seed = '' } = await identity.register({ totp: (given) => codeNow(given, -1) });
  const redirectUri = await startClientPage(t);
  const browser = await startPageBrowser(t, identity.issuer);
  const query = new URLSearchParams({
    client_id: 'app',
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'openid profile notes:read',
    state: 'abc',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  });
  const page = await browser.open(t, `/authorize?${query}`);
  const looksGood = (name: string, title: string) => expectGood(browser, page, { name, title });

  await looksGood('sign-in', 'Sign in');
  await page.getByLabel('Login id').fill(loginId);
  await page.getByLabel('Password').fill('a wrong password');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  assert.match(await page.getByRole('alert').innerText(), /wrong/);
  await looksGood('sign-in-wrong', 'Sign in');

  await page.getByLabel('Login id').fill(loginId);
  await page.getByLabel('Password').fill(goodPassword);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByLabel('Code', { exact: true }).waitFor();
  await looksGood('code', 'One more step');
  await page.getByLabel('Code', { exact: true }).fill(codeNow(seed));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('button', { name: 'Allow' }).waitFor();
  await looksGood('consent', 'Allow An app?');
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL(/\/callback\?/);
  const back = new URL(page.url());
  assert.equal(back.origin + back.pathname, redirectUri);
  assert.match(back.searchParams.get('code') ?? '', /^[\w-]{43}$/);
  assert.equal(back.searchParams.get('state'), 'abc');

  await page.goto(`${identity.issuer}/account`);
  await page.getByText('An app').waitFor();
  await looksGood('account', 'Your account');
  await page.getByRole('button', { name: 'Withdraw from An app' }).click();
  await page.getByRole('status').waitFor();
  assert.equal(await page.getByRole('button').count(), 0);
  await page.getByRole('link', { name: 'Sign out' }).click();
  await looksGood('sign-out', 'Sign out?');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You can close this page.').waitFor();
  await looksGood('signed-out', 'You are signed out');
  await page.goto(`${identity.issuer}/account`);
  await looksGood('nobody', 'Nobody is signed in');
  await page.goto(`${identity.issuer}/authorize?client_id=nobody`);
  await looksGood('error', 'That did not work');
});

test('in Chromium the pages say what went wrong, and stay accessible: too many wrong passwords, a wrong code, a message sent, a consent withdrawn', {
  skip: noChromium,
}, async (t) => {
  const identity = await startOAuth(t);
  const phone = '+48123456789';
  const { loginId } = await identity.register({ phone });
  const browser = await startPageBrowser(t, identity.issuer);
  const query = new URLSearchParams({
    client_id: 'app',
    response_type: 'code',
    redirect_uri: await startClientPage(t),
    scope: 'openid notes:read',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  });
  const page = await browser.open(t, `/authorize?${query}`);
  const signIn = async (password: string) => {
    await page.getByLabel('Login id').fill(loginId);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  for (const said of [/is wrong\.$/, /is wrong\.$/, /third time/]) {
    await signIn('a wrong password');
    await page.getByRole('alert').filter({ hasText: said }).waitFor();
  }
  await expectGood(browser, page, { name: 'sign-in-failed', title: 'Sign in' });
  await signIn(goodPassword);
  await page.getByRole('button', { name: /Send a code/ }).click();
  await page.getByRole('status').waitFor();
  await expectGood(browser, page, { name: 'code-sent', title: 'One more step' });
  await page.getByLabel('Code', { exact: true }).fill('000000');
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('alert').waitFor();
  await expectGood(browser, page, { name: 'code-wrong', title: 'One more step' });
  await page.getByLabel('Code', { exact: true }).fill(codeIn((await identity.messagesTo(phone, 2))[0]));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL(/\/callback\?/);
  await page.goto(`${identity.issuer}/account`);
  await page.getByRole('button', { name: 'Withdraw from An app' }).click();
  await page.getByRole('status').waitFor();
  await expectGood(browser, page, { name: 'account-withdrawn', title: 'Your account' });
});

test('in Chromium, cancelling leads back to the client, without a code', { skip: noChromium }, async (t) => {
  const identity = await startOAuth(t);
  const redirectUri = await startClientPage(t);
  const browser = await startPageBrowser(t, identity.issuer);
  const query = new URLSearchParams({
    client_id: 'app',
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'openid',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  });
  const page = await browser.open(t, `/authorize?${query}`);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.waitForURL(/\/callback\?/);
  const { searchParams } = new URL(page.url());
  assert.deepEqual([searchParams.get('error'), searchParams.get('code')], ['access_denied', null]);
});

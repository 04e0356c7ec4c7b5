import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, freePort, lastFirst, type Undoing } from '@banyan/testing';
import type { Page } from 'playwright-core';
import { noChromium, startPageBrowser } from '../support/page-browser.ts';
import { type RunningSystem, runBanyan, startSystem, untilAnswers } from '../support/running-system.ts';

const directory = fileURLToPath(new URL('./fixtures/members-system/', import.meta.url));
const password = 'several quiet otters';
const sendToken = 'a-token-for-those-that-send-telemetry';
const readToken = 'a-token-for-those-that-read-the-console';

interface Places {
  readonly issuer: string;
  readonly consoleUrl: string;
  readonly gatewayPort: number;
}

async function findPlaces(): Promise<Places> {
  const [gatewayPort, consolePort] = [await freePort(), await freePort()];
  return {
    gatewayPort,
    issuer: `http://127.0.0.1:${gatewayPort}/oauth`,
    consoleUrl: `http://127.0.0.1:${consolePort}`,
  };
}

/** A system with accounts, where the console is a client. It sends its telemetry to where the console will be. */
function startMembers(t: Undoing, { gatewayPort, issuer, consoleUrl }: Places): Promise<RunningSystem> {
  const client = {
    id: 'console',
    name: 'The console',
    redirectUris: [`${consoleUrl}/sign-in/back`],
    idTokenAlg: 'RS256',
    trusted: true,
  };
  return startSystem(t, {
    directory,
    flags: ['--calm', '--own', 'passwords', '--port', String(gatewayPort)],
    environment: {
      PASSWORDS_MEMORY_KIB: '8192',
      PASSWORDS_PASSES: '1',
      OAUTH_ISSUER: issuer,
      OAUTH_CLIENTS: JSON.stringify([client]),
      OTEL_EXPORTER_OTLP_ENDPOINT: consoleUrl,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${sendToken}`,
    },
  });
}

async function startAlone(
  t: Undoing,
  { dataFolder }: RunningSystem,
  { issuer, consoleUrl, gatewayPort, operators }: Places & { readonly operators: string },
): Promise<void> {
  const run = runBanyan(['console', '--dir', directory, '--data', dataFolder], {
    CONSOLE_PORT: new URL(consoleUrl).port,
    BANYAN_CONSOLE_URL: consoleUrl,
    BANYAN_CONSOLE_ISSUER: issuer,
    BANYAN_CONSOLE_GATEWAY: `http://127.0.0.1:${gatewayPort}`,
    BANYAN_CONSOLE_OPERATORS: operators,
    BANYAN_CONSOLE_SEND_TOKEN: sendToken,
    BANYAN_CONSOLE_READ_TOKEN: readToken,
  });
  lastFirst(t).after(async () => {
    run.process.kill('SIGTERM');
    assert.equal((await run.exited).code, 0, run.output());
  });
  await eventually(
    () =>
      fetch(`${consoleUrl}/api/system`).then(
        ({ status }) => status,
        () => 0,
      ),
    (status) => status === 401,
  );
}

/** @returns its id */
async function register(url: string, loginId: string): Promise<string> {
  const send = async (method: string, path: string, body: unknown) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    assert.ok(answer.ok, text);
    return (text === '' ? {} : JSON.parse(text)) as { registration?: string; accountId?: string };
  };
  const { registration } = await send('POST', '/registrations', { loginId });
  const step = (name: string) => `/registrations/${registration}/${name}`;
  await send('PUT', step('password'), { password });
  await send('PUT', step('recovery-information'), { name: 'Ada', email: `${loginId}@example.org` });
  return (await send('POST', step('confirmation'), {})).accountId ?? '';
}

/** The gateway, which is in no registry, tells of its circuits; another one of its processes tells of one that is open. */
async function expectCircuit(page: Page, consoleUrl: string): Promise<void> {
  await page.goto(`${consoleUrl}/?service=gateway`);
  const panel = page.getByRole('complementary', { name: 'Service gateway' });
  await panel.waitFor();
  const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const point = {
    timeUnixNano: `${Date.now()}000000`,
    asDouble: 1,
    attributes: [attribute('caller', 'gateway'), attribute('callee', 'passwords')],
  };
  const metrics = [{ name: 'banyan_circuits_open', gauge: { dataPoints: [point] } }];
  const resource = { attributes: [attribute('service.name', 'members')] };
  const answer = await fetch(`${consoleUrl}/v1/metrics`, {
    method: 'POST',
    body: JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] }),
    headers: { 'content-type': 'application/json', authorization: `Bearer ${sendToken}` },
  });
  assert.equal(answer.status, 200);
  await panel.getByText('circuit open').waitFor();
}

/** Through the gateway, as anybody outside might do it. */
async function tryRegistration(page: Page, consoleUrl: string): Promise<void> {
  await page.goto(`${consoleUrl}/contracts/authentication?operation=beginRegistration`);
  await page.getByLabel('Input, as JSON').fill('{ "loginId": "tried-from-the-console" }');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText(/^20[01]$/).waitFor();
  await page.getByRole('link', { name: 'Its trace' }).waitFor();
}

test('beside a system in production operators sign in at its identity, and nobody else is let in', {
  skip: noChromium,
}, async (t) => {
  const places = await findPlaces();
  const { consoleUrl } = places;
  const system = await startMembers(t, places);
  await untilAnswers(`${system.url}/oauth/.well-known/openid-configuration`, system);
  const [operator] = [await register(system.url, 'ada'), await register(system.url, 'eve')];
  await startAlone(t, system, { ...places, operators: operator });
  const status = async (path: string, init: RequestInit = {}) =>
    (await fetch(`${consoleUrl}${path}`, { redirect: 'manual', ...init })).status;
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  assert.equal(await status('/api/traces'), 401);
  assert.equal(await status('/', { headers: { accept: 'text/html' } }), 302);
  assert.equal(await status('/v1/traces', { method: 'POST', body: '{}' }), 401);
  assert.equal(await status('/api/traces', { headers: bearer(sendToken) }), 401);
  assert.equal(await status('/api/traces', { headers: bearer(readToken) }), 200);
  assert.equal(await status('/api/objectives/x', { method: 'DELETE', headers: bearer(readToken) }), 401);
  assert.equal(
    await status('/sign-in/back?code=x&state=y', { headers: { cookie: 'banyan_sign_in=x' } }),
    302,
  );

  const browser = await startPageBrowser(t, consoleUrl);
  const signIn = async (loginId: string) => {
    const page = await browser.open(t, '/traces', 'laptop');
    await page.getByLabel('Login id').fill(loginId);
    await page.getByLabel('Password').fill(password);
    await page.keyboard.press('Enter');
    return page;
  };
  const stranger = await signIn('eve');
  await stranger.getByText('no_operator').waitFor();
  const page = await signIn('ada');
  // What the system has sent with its token is there, in the same store.
  await page.getByRole('heading', { level: 1, name: 'Traces' }).waitFor();
  await page
    .getByRole('link', { name: /POST \/registrations/ })
    .first()
    .waitFor();
  await page.getByRole('link', { name: 'Map' }).click();
  await page.getByRole('link', { name: /^passwords\s*: healthy,/ }).waitFor();
  await expectCircuit(page, consoleUrl);
  await tryRegistration(page, consoleUrl);

  const { origin } = new URL(page.url());
  const objective = { service: 'passwords', target: 0.99, objectiveId: 'quick' };
  const put = (headers: Record<string, string>) =>
    page.request.put(`${origin}/api/objectives/quick`, { data: objective, headers });
  assert.equal((await put({ origin: 'https://evil.example' })).status(), 403);
  // The same place without TLS, or with it, is another one.
  assert.equal((await put({ origin: origin.replace('http:', 'https:') })).status(), 403);
  assert.equal(
    (await put({ origin, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).status(),
    403,
  );
  assert.equal((await put({ origin })).status(), 200);
  const audit = await page.request.get(`${origin}/api/audit?service=banyan`);
  const { records } = (await audit.json()) as { records: { action: string; by: string }[] };
  assert.deepEqual(records.map(({ action, by }) => [action, by]).toSorted(), [
    ['setObjective', operator],
    ['tryOperation', operator],
  ]);
  assert.doesNotMatch(JSON.stringify(records), /tried-from-the-console/);
  const tried = { operation: 'beginRegistration', input: {} };
  assert.equal(
    await status('/api/contracts/authentication/try', {
      method: 'POST',
      body: JSON.stringify(tried),
      headers: { ...bearer(readToken), 'content-type': 'application/json' },
    }),
    401,
  );
  const control = await page.request.post(`${origin}/api/control/passwords`, {
    data: { action: 'stop' },
    headers: { origin },
  });
  assert.equal(control.ok(), false);

  const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  const live = await fetch(`${consoleUrl}/api/live?topic=logs`, { headers: { cookie } });
  assert.equal(live.status, 200);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { level: 1, name: 'Sign out?' }).waitFor();
  assert.equal((await page.request.get(`${origin}/api/traces`)).status(), 401);
  // Whoever had a copy of the cookie sees no more lines, either.
  await live.text();
});

test('a console alone says what it wants to be told, and takes no plain address of elsewhere', async (t) => {
  const system = await startSystem(t, { directory, flags: ['--calm'] });
  const ask = async (environment: Readonly<Record<string, string>>) => {
    const run = runBanyan(['console', '--dir', directory, '--data', system.dataFolder], environment);
    return { ...(await run.exited), output: run.output() };
  };
  const nobody = await ask({});
  assert.equal(nobody.code, 1, nobody.output);
  assert.match(nobody.output, /BANYAN_CONSOLE_OPERATORS/);
  const plain = await ask({ BANYAN_CONSOLE_OPERATORS: 'a', BANYAN_CONSOLE_URL: 'http://console.example' });
  assert.match(plain.output, /BANYAN_CONSOLE_URL .* https URL/);
});

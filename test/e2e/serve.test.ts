import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type AddressInfo, connect, createServer } from 'node:net';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { createServiceTokens } from '@banyan/auth';
import { createDatabase, provisionSystem, resetSystem } from '@banyan/postgres';
import { eventually, freePort, freePorts, startTestServer, untilPasses } from '@banyan/testing';
import { photoPrintDirectory, runBanyan, untilAnswers } from '../support/running-system.ts';

test('a service runs alone on its port, for callers with a service token only', async (t) => {
  const { url: adminUrl } = await startTestServer({ alone: true });
  const port = await freePort();
  const secret = randomBytes(32).toString('base64url');
  const run = runBanyan(['serve', 'orders', '--dir', photoPrintDirectory], {
    DATABASE_URL: adminUrl,
    BANYAN_SECRET: secret,
    PORT: String(port),
  });
  t.after(async () => {
    run.process.kill('SIGKILL');
    await run.exited;
    await resetSystem({ adminUrl, system: 'photo-print' });
  });
  const base = `http://127.0.0.1:${port}`;
  await untilAnswers(`${base}/health/ready`, run);
  assert.equal((await fetch(`${base}/products`)).status, 401);
  const token = await createServiceTokens({ key: secret, service: 'gateway' }).issue('orders');
  const answer = await fetch(`${base}/products`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200);
  const { products } = (await answer.json()) as { products: unknown[] };
  assert.ok(products.length > 0);
  const stranger = await createServiceTokens({ key: secret, service: 'instagram' }).issue('orders');
  const refused = await fetch(`${base}/products`, { headers: { authorization: `Bearer ${stranger}` } });
  assert.equal(refused.status, 403);
  run.process.kill('SIGTERM');
  assert.deepEqual(await run.exited, { code: 0, signal: null }, run.output());
  const lines = run
    .output()
    .split('\n')
    .filter((line) => line !== '');
  for (const line of lines) assert.doesNotThrow(() => JSON.parse(line), line);
  const told = lines.filter((line) => line.includes('This is development'));
  assert.equal(told.length, 1, run.output());
  assert.match(told[0] ?? '', /"level":"warn".*BANYAN_ENV=production/);
});

test('two services served together each take a port of their own, whatever PORT says', async (t) => {
  const { url: adminUrl } = await startTestServer({ alone: true });
  const run = runBanyan(['serve', 'registration', 'despatch', '--dir', photoPrintDirectory], {
    DATABASE_URL: adminUrl,
    BANYAN_SECRET: randomBytes(32).toString('base64url'),
    PORT: String(await freePort()),
  });
  const platformUrl = new URL(adminUrl);
  platformUrl.pathname = '/banyan';
  const platform = createDatabase({ url: platformUrl.href });
  t.after(async () => {
    run.process.kill('SIGKILL');
    await run.exited;
    await platform.close();
    await resetSystem({ adminUrl, system: 'photo-print' });
  });
  await untilPasses(async () => {
    const listed = await platform.sql<{ url: string }>`select url from banyan.instances`;
    assert.equal(new Set(listed.map(({ url }) => url)).size, 2, run.output());
  });
});

test('two processes of a service on one host have names that differ, and one that was killed gets its name again', async (t) => {
  const { url: adminUrl } = await startTestServer({ alone: true });
  const secret = randomBytes(32).toString('base64url');
  const serve = (more: Readonly<Record<string, string>> = {}) => {
    const run = runBanyan(['serve', 'despatch', '--dir', photoPrintDirectory], {
      ...{ DATABASE_URL: adminUrl, BANYAN_SECRET: secret },
      ...more,
    });
    runs.push(run);
    return run;
  };
  const runs: ReturnType<typeof runBanyan>[] = [];
  const { serviceUrls } = await provisionSystem({
    ...{ adminUrl, system: 'photo-print', secret },
    services: ['despatch'],
  });
  const database = createDatabase({ url: serviceUrls['despatch'] ?? '' });
  t.after(async () => {
    for (const run of runs) run.process.kill('SIGKILL');
    await Promise.all(runs.map(({ exited }) => exited));
    await database.close();
    await resetSystem({ adminUrl, system: 'photo-print' });
  });
  const memberships = async () => {
    const rows = await database.sql<{ instance: string; until: string }>`
      select instance, max(live_until)::text as until from banyan.inbox_member group by instance`.catch(
      () => [],
    );
    return new Map(rows.map(({ instance, until }) => [instance, until]));
  };
  const first = serve();
  const [name, twin] = [`despatch-${hostname()}`, `despatch-${hostname()}-2`];
  await eventually(memberships, (members) => members.has(name));
  serve();
  await eventually(memberships, (members) => members.has(twin));
  first.process.kill('SIGKILL');
  await first.exited;
  const before = (await memberships()).get(name) ?? '';
  serve();
  serve({ BANYAN_INSTANCE: 'depot' });
  const members = await eventually(
    memberships,
    (now) => (now.get(name) ?? '') > before && now.has('despatch-depot'),
  );
  assert.deepEqual([...members.keys()].sort(), ['despatch-depot', name, twin].sort());
});

test('other processes reach a service where it says, not where it listens', async (t) => {
  const { url: adminUrl } = await startTestServer({ alone: true });
  const [servicePort = 0, gatewayPort = 0] = await freePorts(2);
  // In the place of a network that translates addresses.
  let connections = 0;
  const relay = createServer((outer) => {
    connections += 1;
    const inner = connect(servicePort, '127.0.0.1');
    outer.on('error', () => inner.destroy()).pipe(inner);
    inner.on('error', () => outer.destroy()).pipe(outer);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const { port: relayPort } = relay.address() as AddressInfo;
  const environment = { DATABASE_URL: adminUrl, BANYAN_SECRET: randomBytes(32).toString('base64url') };
  const serve = (part: string, more: Readonly<Record<string, string>>) =>
    runBanyan(['serve', part, '--dir', photoPrintDirectory], { ...environment, ...more });
  const everywhere = { PORT: String(servicePort), HOST: '0.0.0.0' };
  const runs = [
    serve('orders', { ...everywhere, BANYAN_ADVERTISE: `127.0.0.1:${relayPort}` }),
    serve('gateway', { PORT: String(gatewayPort) }),
  ];
  t.after(async () => {
    for (const run of runs) run.process.kill('SIGKILL');
    await Promise.all(runs.map(({ exited }) => exited));
    relay.close();
    await resetSystem({ adminUrl, system: 'photo-print' });
  });
  await untilAnswers(`http://127.0.0.1:${gatewayPort}/products`, ...runs);
  assert.ok(connections > 0);
});

test('an address that others cannot call is refused', async () => {
  const environment = {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    BANYAN_SECRET: randomBytes(32).toString('base64url'),
  };
  for (const [parts, more, expected] of [
    [
      ['orders'],
      { HOST: '0.0.0.0' },
      /HOST=0\.0\.0\.0 is no address that others can call: set BANYAN_ADVERTISE/,
    ],
    [['orders'], { BANYAN_ADVERTISE: 'http://orders' }, /'host' or 'host:port', not 'http:\/\/orders'/],
    [['orders'], { BANYAN_ADVERTISE: 'orders:0' }, /'host' or 'host:port', not 'orders:0'/],
    [['orders', 'despatch'], { BANYAN_ADVERTISE: 'shop:80' }, /with a port is for one service; here are 2/],
  ] as const) {
    const run = runBanyan(['serve', ...parts, '--dir', photoPrintDirectory], { ...environment, ...more });
    assert.equal((await run.exited).code, 1, run.output());
    assert.match(run.output(), expected);
  }
});

test('a port for probes of more than one part is refused', async () => {
  const run = runBanyan(['serve', 'orders', 'gateway', '--dir', photoPrintDirectory], { PROBE_PORT: '9001' });
  assert.equal((await run.exited).code, 1);
  assert.match(run.output(), /PROBE_PORT is for a process of one service, .* would have orders, gateway\./);
});

test('what a lone service needs is asked for by name', async () => {
  const environment = { DATABASE_URL: '', BANYAN_SECRET: '' };
  const missing = runBanyan(['serve', 'orders', '--dir', photoPrintDirectory], environment);
  assert.equal((await missing.exited).code, 2);
  assert.match(missing.output(), /Set DATABASE_URL/);
  const nobody = runBanyan(['serve', 'nobody', '--dir', photoPrintDirectory], environment);
  assert.equal((await nobody.exited).code, 2);
  assert.match(nobody.output(), /no service 'nobody'; the system has .*orders/);
});

test('a gateway that runs alone shows its health and metrics on a port of their own', async (t) => {
  const { url: adminUrl } = await startTestServer({ alone: true });
  const [port = 0, probePort = 0] = await freePorts(2);
  const run = runBanyan(['serve', 'gateway', '--dir', photoPrintDirectory], {
    DATABASE_URL: adminUrl,
    BANYAN_SECRET: randomBytes(32).toString('base64url'),
    PORT: String(port),
    PROBE_PORT: String(probePort),
  });
  t.after(async () => {
    run.process.kill('SIGKILL');
    await run.exited;
    await resetSystem({ adminUrl, system: 'photo-print' });
  });
  await untilAnswers(`http://127.0.0.1:${probePort}/health/live`, run);
  assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 404);
  // None of the services run.
  assert.equal((await fetch(`http://127.0.0.1:${probePort}/health/ready`)).status, 503);
  const page = await (await fetch(`http://127.0.0.1:${probePort}/metrics`)).text();
  assert.match(
    page,
    /banyan_gateway_request_duration_seconds_count\{route="[^"]+",method="GET",status="4xx"\} 1/,
  );
  run.process.kill('SIGTERM');
  assert.deepEqual(await run.exited, { code: 0, signal: null }, run.output());
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { buffer as readBuffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { forward } from '@banyan/gateway';
import { temporaryFolder } from '@banyan/testing';
import { exchangeRaw, runShop } from './support/running-shop.ts';
import { runUpstream } from './support/upstream.ts';

const site = new URL('./support/web/', import.meta.url);
const origin = 'https://pages.example';

/** What the OWASP Secure Headers project asks to add, without those that need TLS or cookies. */
const secureHeaders = [
  'cache-control',
  'content-security-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'permissions-policy',
  'referrer-policy',
  'x-content-type-options',
  'x-dns-prefetch-control',
  'x-frame-options',
  'x-permitted-cross-domain-policies',
];

/** Unlike fetch, this shows the bytes as they came. */
async function get(url: string, headers: Record<string, string> = {}) {
  const asked = request(url, { headers });
  asked.end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: answer.statusCode, headers: answer.headers, body: await readBuffer(answer) };
}

test('every kind of answer has the security headers and names no software', async (t) => {
  const { url } = await runShop(t, { gateway: { site } });
  const paths = ['/', '/style.css', '/products', '/pictures/1', '/nothing', '/orders/1', '/docs', '/openapi.json', '/health/live', '/health/ready', '/%2f']; // biome-ignore format: one line
  for (const path of paths) {
    const { headers } = await get(`${url}${path}`);
    for (const name of secureHeaders) assert(headers[name] !== undefined, `${path} lacks ${name}`);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/);
    assert.doesNotMatch(String(headers['content-security-policy']), /unsafe/);
    for (const name of ['server', 'x-powered-by', 'strict-transport-security', 'access-control-allow-origin'])
      assert.equal(headers[name], undefined, `${path} has ${name}`);
  }
});

test('only listed origins may read answers, and the list is compared exactly', async (t) => {
  const { url } = await runShop(t, { gateway: { cors: { origins: [origin] } } });
  const ask = async (from: string) => (await get(`${url}/products`, { origin: from })).headers;
  assert.equal((await ask(origin))['access-control-allow-origin'], origin);
  assert.equal((await ask(origin))['access-control-allow-credentials'], undefined);
  assert.match(String((await ask(origin))['access-control-expose-headers']), /location/);
  for (const other of [
    'null',
    'https://pages.example.evil',
    'http://pages.example',
    'https://PAGES.example',
    'https://pages.example:443',
  ]) {
    const headers = await ask(other);
    assert.equal(headers['access-control-allow-origin'], undefined, other);
    assert.equal(headers['vary'], 'Origin');
  }
});

test('answers preflights for listed origins, and refusals can be read there too', async (t) => {
  const { url } = await runShop(t, { gateway: { cors: { origins: [origin] } } });
  const preflight = (from: string, path: string) =>
    fetch(`${url}${path}`, {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'DELETE',
        'access-control-request-headers': 'authorization',
      },
    });
  const allowed = await preflight(origin, '/orders/1');
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get('access-control-allow-methods'), 'DELETE, GET, HEAD');
  assert.match(allowed.headers.get('access-control-allow-headers') ?? '', /authorization/);
  const refused = await preflight('https://evil.example', '/orders/1');
  assert.equal(refused.headers.get('access-control-allow-methods'), null);
  assert.equal((await preflight(origin, '/nothing')).status, 404);
  const problem = await get(`${url}/orders/1`, { origin });
  assert.equal(problem.status, 401);
  assert.equal(problem.headers['access-control-allow-origin'], origin);
});

test('answers preflights of operations also below a version and under a forwarding', async (t) => {
  const upstream = await runUpstream(t, (_request, response) => response.writeHead(200).end('old'));
  const cors = { origins: [origin] };
  const plain = await runShop(t, { gateway: { cors } });
  const forwarding = await runShop(t, {
    gateway: { cors, forward: [forward('/*', { to: upstream.url, access: 'anyone' })] },
  });
  const ask = async (url: string, method: string) => {
    const headers = { origin, 'access-control-request-method': method };
    const answer = await fetch(url, { method: 'OPTIONS', headers });
    await answer.text();
    return [answer.status, answer.headers.get('access-control-allow-methods')];
  };
  const own = [204, 'DELETE, GET, HEAD'];
  for (const { url } of [plain, forwarding]) {
    for (const path of ['/orders/1', '/v1/orders/1']) assert.deepEqual(await ask(url + path, 'DELETE'), own);
  }
  assert.deepEqual(await ask(`${plain.url}/orders/1`, 'PATCH'), own);
  assert.deepEqual(await ask(`${plain.url}/v1/orders/1`, 'PATCH'), own);
  assert.equal((await fetch(`${plain.url}/v1/orders/1`, { method: 'PUT' })).status, 405);
  for (const path of ['/v1/openapi.json', '/v1/nothing', '/v1']) {
    assert.deepEqual(await ask(plain.url + path, 'GET'), [404, null], path);
    assert.equal((await fetch(plain.url + path, { method: 'DELETE' })).status, 404, path);
  }
  assert.equal(upstream.requests.length, 0);
  // Only the upstream takes it there.
  assert.deepEqual(await ask(`${forwarding.url}/orders/1`, 'PATCH'), [200, null]);
  assert.equal(upstream.requests.length, 1);
});

test('serves the site with types, validators and compression', async (t) => {
  const { url } = await runShop(t, { gateway: { site } });
  const index = await get(`${url}/`);
  assert.equal(index.status, 200);
  assert.equal(index.headers['content-type'], 'text/html; charset=utf-8');
  assert.match(index.body.toString(), /<h1>Shop<\/h1>/);
  assert.equal((await get(`${url}/pages/`)).status, 200);
  assert.equal((await get(`${url}/pages/a%20b+%C3%BC.txt`)).body.toString(), 'plain\n');

  const plain = await get(`${url}/style.css`);
  const brotli = await get(`${url}/style.css`, { 'accept-encoding': 'gzip, br' });
  const gzip = await get(`${url}/style.css`, { 'accept-encoding': 'br;q=0, gzip;q=0.5' });
  assert.equal(plain.headers['content-type'], 'text/css; charset=utf-8');
  assert.equal(plain.headers['vary'], 'Accept-Encoding');
  assert.equal(brotli.headers['content-encoding'], 'br');
  assert.equal(gzip.headers['content-encoding'], 'gzip');
  assert.deepEqual(brotliDecompressSync(brotli.body), plain.body);
  assert.deepEqual(gunzipSync(gzip.body), plain.body);
  assert.equal(new Set([plain, brotli, gzip].map((answer) => answer.headers['etag'])).size, 3);

  const etag = String(plain.headers['etag']);
  for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const unchanged = await get(`${url}/style.css`, { 'if-none-match': tag });
    assert.equal(unchanged.status, 304, tag);
    assert.equal(unchanged.headers['etag'], etag);
    assert.equal(unchanged.body.length, 0);
  }
  assert.equal((await get(`${url}/style.css`, { 'if-none-match': '"x"' })).status, 200);
});

test('serves files of the site only: no listing, no dotfiles, no links out of it', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'web', 'assets'), { recursive: true });
  await writeFile(join(folder, 'secret.txt'), 'secret');
  await writeFile(join(folder, 'web', 'index.html'), '<title>x</title>');
  await writeFile(join(folder, 'web', '.env'), 'secret');
  await writeFile(join(folder, 'web', 'assets', 'a.js'), 'a');
  await symlink(join(folder, 'secret.txt'), join(folder, 'web', 'link.txt'));
  await symlink(folder, join(folder, 'web', 'up'));
  for (const development of [false, true]) {
    const { url, port } = await runShop(t, {
      gateway: { site: pathToFileURL(join(folder, 'web/')) },
      edge: { development },
    });
    assert.equal((await get(`${url}/assets/a.js`)).status, 200);
    for (const path of [
      '/assets',
      '/assets/',
      '/.env',
      '/link.txt',
      '/up/secret.txt',
      '/assets/%2e%2e%2f.env',
      '/__proto__',
      '/constructor',
    ]) {
      const answer = await get(`${url}${path}`);
      assert(answer.status === 404 || answer.status === 400, path);
      assert.doesNotMatch(answer.body.toString(), /secret\n|a\.js/);
    }
    const raw = await exchangeRaw(
      port,
      'GET /../secret.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    assert.match(raw, /^HTTP\/1\.1 400 /);
    assert.equal((await fetch(`${url}/assets/a.js`, { method: 'POST' })).status, 405);
  }
});

test('a file never shadows a route, not even for a method that the route lacks', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'index.html'), '<title>x</title>');
  await writeFile(join(folder, 'orders'), 'a file');
  await writeFile(join(folder, 'docs'), 'a file');
  const { url } = await runShop(t, { gateway: { site: pathToFileURL(`${folder}/`) } });
  assert.equal((await get(`${url}/orders`)).status, 405);
  assert.match((await get(`${url}/docs`)).body.toString(), /<!doctype html>/);
});

test('shows a changed file at the next request in development', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'index.html'), '<title>one</title>');
  const { url } = await runShop(t, {
    gateway: { site: pathToFileURL(`${folder}/`) },
    edge: { development: true },
  });
  const read = async (path: string) => (await get(`${url}${path}`)).body.toString();
  assert.match(await read('/'), /one/);
  await writeFile(join(folder, 'index.html'), '<title>second</title>');
  await writeFile(join(folder, 'new.txt'), 'new');
  assert.match(await read('/'), /second/);
  assert.equal(await read('/new.txt'), 'new');
  await rm(join(folder, 'new.txt'));
  assert.equal((await get(`${url}/new.txt`)).status, 404);
});

test('does not start without the index page', async (t) => {
  const folder = await temporaryFolder(t);
  const expected = {
    code: 'failed_precondition',
    reason: 'site_not_found',
    message: /add one, or remove 'site'/,
  };
  await assert.rejects(runShop(t, { gateway: { site: pathToFileURL(`${folder}/`) } }), expected);
  await assert.rejects(runShop(t, { gateway: { site: pathToFileURL(`${folder}/none/`) } }), expected);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forward } from '@banyan/gateway';
import { insideUrls, otherSchemes, startCanary } from '@banyan/test-support/inside-urls';
import { exchangeRaw, runShop } from './support/running-shop.ts';
import { runUpstream } from './support/upstream.ts';

test('no request chooses the host that it is forwarded to, and redirects of an upstream are its clients to follow', async (t) => {
  const canary = await startCanary(t);
  const redirects: string[] = [];
  const old = await runUpstream(t, (incoming, response) => {
    incoming.resume();
    const location = redirects.at(-1) ?? '/';
    response.writeHead(302, { location }).end();
  });
  const shop = await runShop(t, {
    gateway: { forward: [forward('/old/*', { to: old.url, access: 'anyone' })] },
  });
  const inside = [...insideUrls(canary.port), ...otherSchemes];
  let asked = 0;
  for (const url of inside) {
    redirects.push(url);
    const ascii = Buffer.from(url, 'utf8').toString('latin1');
    const host = /^\w+:\/\/([^/]*)/.exec(ascii)?.[1] ?? 'a';
    for (const head of [
      `GET ${ascii} HTTP/1.1\r\nHost: ${host}`,
      `GET /old/${ascii} HTTP/1.1\r\nHost: a`,
      `GET /old//${host}/ HTTP/1.1\r\nHost: a`,
      `GET /old/x?url=${ascii} HTTP/1.1\r\nHost: a`,
      `GET /old/@${host}/ HTTP/1.1\r\nHost: a`,
      `GET /old/x HTTP/1.1\r\nHost: ${host}\r\nX-Forwarded-Host: ${host}\r\nX-Original-URL: ${ascii}\r\nX-Rewrite-URL: ${ascii}`,
    ]) {
      const answer = await exchangeRaw(shop.port, `${head}\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 (302|400|404) /, head);
      if (answer.startsWith('HTTP/1.1 302')) asked += 1;
    }
  }
  assert.equal(canary.touched, 0);
  assert.equal(old.requests.length, asked);
  assert(asked > inside.length, `${asked} requests were forwarded`);
});

test('an upstream is declared as an origin of HTTP, and nothing else is one', () => {
  for (const to of [...otherSchemes, 'http://a/path', 'http://a?x', 'http://user:password@a', '//a', 'a', ''])
    assert.throws(() => forward('/old/*', { to, access: 'anyone' }), TypeError, to);
});

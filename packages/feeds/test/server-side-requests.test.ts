import assert from 'node:assert/strict';
import { test } from 'node:test';
import { insideUrls, otherSchemes, startCanary } from '@banyan/test-support/inside-urls';
import { createReaderBench } from './support/reader-bench.ts';
import { atom, document, startScriptedServer } from './support/scripted-server.ts';

const markup = (text: string) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;');

test('no link of a feed leads its reader inside, however it is written, and no redirect does', async (t) => {
  const canary = await startCanary(t);
  const server = await startScriptedServer(t);
  const bench = await createReaderBench(t);
  const { poll } = bench.instance({ url: `${server.origin}/feed`, fetchContent: true });
  let refused = 0;
  const urls = [...insideUrls(canary.port), ...otherSchemes];
  for (const url of urls) {
    server.on('/feed', atom(['a'], { older: markup(url) }));
    const { reason } = await poll().then(
      () => ({ reason: 'not followed' }),
      (error: { readonly reason: string }) => error,
    );
    // What is no URL of HTTP is no link.
    assert.match(reason, /^https?:/.test(url) && URL.canParse(url) ? /^feed_foreign_link$/ : /./, url);
    if (reason === 'feed_foreign_link') refused += 1;
  }
  assert(refused > 80, `${refused} of ${urls.length} links were refused`);
  for (const status of [301, 302, 303, 307, 308]) {
    const location = `http://127.0.0.1:${canary.port}/`;
    server.on('/feed', (_, response) => response.writeHead(status, { location }).end());
    await assert.rejects(poll(), { reason: 'feed_refused' }, String(status));
  }
  server.on(
    '/feed',
    document('application/json', `{"entries":[],"next":"http://127.0.0.1:${canary.port}/"}`),
  );
  await poll().catch(() => undefined);
  assert.equal(canary.touched, 0);
});

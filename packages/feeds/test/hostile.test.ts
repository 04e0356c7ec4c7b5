import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createReaderBench } from './support/reader-bench.ts';
import { atom, document, type ScriptedServer, startScriptedServer } from './support/scripted-server.ts';

const type = 'application/atom+xml';
const laughs = Array.from(
  { length: 9 },
  (_, level) => `<!ENTITY l${level + 1} "${`&l${level};`.repeat(10)}">`,
).join('');

const documents: Readonly<Record<string, Parameters<ScriptedServer['on']>[1]>> = {
  'entities that multiply (billion laughs)': document(
    type,
    `<!DOCTYPE feed [<!ENTITY l0 "ha">${laughs}]><feed xmlns="http://www.w3.org/2005/Atom"><id>f</id><entry><id>a</id><title>&l9;</title></entry></feed>`,
  ),
  'an entity that names a file': document(
    type,
    `<!DOCTYPE feed [<!ENTITY file SYSTEM "file:///etc/hostname">]><feed xmlns="http://www.w3.org/2005/Atom"><id>f</id><entry><id>a</id><title>&file;</title></entry></feed>`,
  ),
  'elements nested without end': document(type, '<a>'.repeat(200_000)),
  'text that is not UTF-8': document(type, Buffer.from([0x3c, 0x61, 0xff, 0xfe, 0x3e])),
  'a page of the web': document('text/html', '<!doctype html><p>Not <b>found'),
  'another vocabulary of the same names': document(
    type,
    '<feed xmlns="urn:other"><entry><id>a</id></entry></feed>',
  ),
  'an entry without an id': atom([{ id: '', inside: '' }]),
  'JSON that is none': document('application/json', '{"entries":['),
  'JSON of another kind': document('application/json', '{"entries":{"length":1e9}}'),
  'an entry that is no object': document('application/json', '{"entries":[null]}'),
  'nothing at all': document(type, ''),
};

for (const [what, answer] of Object.entries(documents)) {
  test(`a reader refuses ${what}, says so in its status, and goes on when it is mended`, async (t) => {
    const server = await startScriptedServer(t);
    const bench = await createReaderBench(t);
    const { poll, reader, host } = bench.instance({ url: `${server.origin}/feed`, fetchContent: false });
    server.on('/feed', answer);
    await assert.rejects(poll(), { code: 'failed_precondition', reason: 'feed_malformed' });
    const status = await reader.status(host.sql);
    assert.match(status.lastError ?? '', /feed_malformed/);
    assert.equal(status.lastPolledAt, null);
    assert.deepEqual(await bench.effects(), []);
    server.on('/feed', atom(['a']));
    assert.deepEqual(await poll(), { received: 1, handled: 1, failed: 0 });
    assert.equal((await reader.status(host.sql)).lastError, null);
  });
}

test('a reader takes no more bytes than it allows, compressed ones neither', async (t) => {
  const server = await startScriptedServer(t);
  const bench = await createReaderBench(t);
  const { poll } = bench.instance({ url: `${server.origin}/feed`, maxBytes: 100_000 });
  const bomb = gzipSync(Buffer.alloc(50_000_000, ' '));
  assert.ok(bomb.byteLength < 100_000);
  server.on('/feed', document(type, bomb, { 'content-encoding': 'gzip' }));
  await assert.rejects(poll(), { reason: 'feed_too_large' });
  let isClosed = false;
  server.on('/feed', (_, response) => {
    response.writeHead(200, { 'content-type': type });
    const write = (): void => {
      while (!response.destroyed && response.write('x'.repeat(10_000)));
    };
    response.on('drain', write).on('close', () => (isClosed = true));
    write();
  });
  await assert.rejects(poll(), { reason: 'feed_too_large' });
  for (const endMs = Date.now() + 10_000; !isClosed; ) {
    assert.ok(Date.now() < endMs, 'the connection stays open');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

test('a reader waits for an answer as long as it allows', async (t) => {
  const server = await startScriptedServer(t);
  const bench = await createReaderBench(t);
  const { poll } = bench.instance({ url: `${server.origin}/feed`, timeoutMs: 200 });
  server.on('/feed', () => {});
  await assert.rejects(poll(), { code: 'unavailable', reason: 'feed_unavailable' });
  server.on('/feed', (_, response) => response.writeHead(200, { 'content-type': type }).write('<feed '));
  await assert.rejects(poll(), { code: 'unavailable', reason: 'feed_unavailable' });
});

test('a reader follows no redirect and no link to another origin', async (t) => {
  const server = await startScriptedServer(t);
  const inside = await startScriptedServer(t);
  inside.on('*', atom(['secret']));
  const bench = await createReaderBench(t);
  const url = `${server.origin}/feed`;
  const { poll, reader, host } = bench.instance({ url });
  server.on('/feed', (_, response) => response.writeHead(302, { location: `${inside.origin}/feed` }).end());
  await assert.rejects(poll(), { reason: 'feed_refused' });
  server.on('/feed', atom(['a'], { older: `${inside.origin}/older` }));
  await assert.rejects(poll(), { code: 'permission_denied', reason: 'feed_foreign_link' });
  const content = (href: string) => `<content type="application/json" src="${href}"/>`;
  server.on(
    '/feed',
    atom([
      { id: 'file', inside: content('file:///etc/hostname') },
      { id: 'script', inside: content('javascript:alert(1)') },
      { id: 'foreign', inside: content(`${inside.origin}/content`) },
    ]),
  );
  // Links that are for no fetching are as none: the entry has no content.
  assert.deepEqual(await poll(), { received: 3, handled: 2, failed: 1 });
  const [row] = await host.sql<{ reason: string }>`
    select reason from banyan.feed_reader_entry where entry_id = 'foreign'`;
  assert.match(row?.reason ?? '', /feed_foreign_link/);
  assert.deepEqual(inside.requests, []);
  const trusting = bench.instance({ url, trustedOrigins: [inside.origin] });
  inside.on('/content', document('application/json', '{}'));
  await host.sql`update banyan.feed_reader_entry set ready_at = clock_timestamp() where entry_id = 'foreign'`;
  assert.equal((await trusting.poll()).handled, 1);
  assert.equal(inside.requests.length, 1);
  assert.equal((await reader.status(host.sql)).pending, 0);
});

test('an archive that leads in a circle ends the walk, and nothing is handled before what may be older', async (t) => {
  const server = await startScriptedServer(t);
  const bench = await createReaderBench(t);
  const { poll, reader, host } = bench.instance({ url: `${server.origin}/feed` });
  server.on('/feed', atom(['b'], { older: '/2' }));
  server.on('/2', atom([], { older: '/1' }));
  server.on('/1', atom([], { older: '/2' }));
  for (const _ of [1, 2]) {
    await assert.rejects(poll(), { reason: 'feed_malformed' });
    assert.deepEqual(await bench.effects(), []);
    assert.equal((await reader.status(host.sql)).isCatchingUp, true);
  }
  assert.equal(await reader.abandonArchive(host.sql), true);
  assert.deepEqual(await poll(), { received: 0, handled: 1, failed: 0 });
  server.on('/feed', atom(['c', 'b'], { older: '/2' }));
  assert.deepEqual(await poll(), { received: 1, handled: 1, failed: 0 });
  assert.deepEqual(await bench.effects(), ['b', 'c']);
  assert.equal(await reader.abandonArchive(host.sql), false);
});

test('text that a database cannot store does not stop a feed', async (t) => {
  const server = await startScriptedServer(t);
  const bench = await createReaderBench(t);
  const { poll } = bench.instance({ url: `${server.origin}/feed`, fetchContent: false });
  const nul = '\\u0000';
  server.on(
    '/feed',
    document(
      'application/json',
      `{"entries":[{"id":"a${nul}b","title":"t${nul}","updated":"never","key":"k${nul}","content":{"x":"${nul}"}},{"id":"\\ud800"}]}`,
    ),
  );
  assert.deepEqual(await poll(), { received: 2, handled: 2, failed: 0 });
  assert.deepEqual((await bench.effects()).toSorted(), ['a\ufffdb', '\ufffd'].toSorted());
});

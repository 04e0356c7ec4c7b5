import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '@banyan/core/testing';
import { createMetrics } from '@banyan/telemetry';
import { createBench, keyed, withEtag } from './support/scripted-feed.ts';
import { type Answer, atom, document } from './support/scripted-server.ts';

test('a restarted reader goes on where it was: no effect again, no page again', async (t) => {
  const { server, url, instance, effects } = await createBench(t);
  server.on('/feed', withEtag('"1"', atom(['c', 'b'], { older: '/1' })));
  server.on('/1', atom(['a']));
  assert.deepEqual(await instance({ url }).poll(), { received: 3, handled: 3, failed: 0 });
  const before = server.requests.length;
  assert.deepEqual(await instance({ url }).poll(), { received: 0, handled: 0, failed: 0 });
  assert.equal(server.requests.length, before + 1);
  assert.equal(server.requests.at(-1)?.headers['if-none-match'], '"1"');
  // Even if the feed has forgotten its tag, what was handled stays known.
  server.on('/feed', atom(['d', 'c', 'b'], { older: '/1' }));
  assert.deepEqual(await instance({ url }).poll(), { received: 1, handled: 1, failed: 0 });
  assert.deepEqual(await effects(), ['a', 'b', 'c', 'd']);
});

test('content that is embedded is not asked for again', async (t) => {
  const { server, url, instance, effects } = await createBench(t);
  const entries = ['b', 'a'].map((id) => ({ id, href: `/content/${id}`, content: { id } }));
  server.on('/feed', document('application/json; entries=embedded', JSON.stringify({ entries })));
  const contents: unknown[] = [];
  const { poll } = instance({
    url,
    accept: 'json-embedded',
    before: ({ content }) => void contents.push(content),
  });
  assert.deepEqual(await poll(), { received: 2, handled: 2, failed: 0 });
  assert.deepEqual(contents, [{ id: 'a' }, { id: 'b' }]);
  assert.deepEqual(await effects(), ['a', 'b']);
  assert.equal(server.requests.length, 1);
  assert.equal(server.requests[0]?.headers.accept, 'application/json; entries=embedded');
});

test('a feed at a new address is read anew, and what is known has no effect again', async (t) => {
  const { server, url, instance, effects } = await createBench(t);
  server.on('/feed', withEtag('"1"', atom(['b', 'a'])));
  await instance({ url }).poll();
  server.on('/moved', withEtag('"1"', atom(['c', 'b', 'a'])));
  assert.deepEqual(await instance({ url: `${server.origin}/moved` }).poll(), {
    received: 1,
    handled: 1,
    failed: 0,
  });
  assert.deepEqual(await effects(), ['a', 'b', 'c']);
});

test('an entry that fails waits, later ones of its key behind it, and others go on', async (t) => {
  const { server, url, instance, effects, database } = await createBench(t);
  server.on('/feed', atom([keyed('z1', 'z'), keyed('x2', 'x'), keyed('y1', 'y'), keyed('x1', 'x')]));
  let isBroken = true;
  const reader = instance({
    url,
    before: ({ id }) => {
      if (id === 'x1' && isBroken) throw new Error('no such item');
    },
  });
  assert.deepEqual(await reader.poll(), { received: 4, handled: 2, failed: 1 });
  assert.deepEqual(await effects(), ['y1', 'z1']);
  const { pending } = await reader.reader.status(database.sql);
  assert.equal(pending, 2);
  isBroken = false;
  await eventually(
    async () => {
      await reader.poll();
      return effects();
    },
    (ids) => ids.length === 4,
  );
  assert.deepEqual(await effects(), ['y1', 'z1', 'x1', 'x2']);
});

test('an entry that goes on failing becomes a dead letter with its reason, and can be retried or discarded', async (t) => {
  const { server, url, instance, effects, database } = await createBench(t);
  server.on('/feed', atom([keyed('x2', 'x'), keyed('w1', 'w'), keyed('x1', 'x')]));
  let isBroken = true;
  const { poll, reader, host } = instance({
    url,
    maxAttempts: 2,
    before: ({ id }) => {
      if (isBroken && id !== 'x2') throw new Error(`cannot ship ${id}`);
    },
  });
  const dead = await eventually(
    async () => {
      await poll();
      await database.sql`update banyan.feed_reader_entry set ready_at = clock_timestamp()`;
      return reader.deadLetters(host.sql, 10);
    },
    (letters) => letters.length === 2,
  );
  assert.deepEqual(
    dead
      .map(({ id, title, reason, attempts }) => ({ id, title, reason, attempts }))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    ['w1', 'x1'].map((id) => ({ id, title: id, reason: `cannot ship ${id}`, attempts: 2 })),
  );
  // The later one of the key waits behind the dead one, without end.
  assert.deepEqual(await poll(), { received: 0, handled: 0, failed: 0 });
  assert.deepEqual(await effects(), []);
  isBroken = false;
  assert.equal(await reader.retryDeadLetters(host.sql, ['w1', 'x2', 'unknown']), 1);
  assert.deepEqual(await poll(), { received: 0, handled: 1, failed: 0 });
  assert.equal(await reader.discardDeadLetters(host.sql, ['x1']), 1);
  assert.deepEqual(await poll(), { received: 0, handled: 1, failed: 0 });
  assert.deepEqual(await effects(), ['w1', 'x2']);
});

test('an outage of what entries link to counts against none of them', async (t) => {
  const { server, url, instance, effects, database } = await createBench(t);
  const linked = (id: string) => ({ id, inside: `<content type="application/json" src="/content/${id}"/>` });
  server.on('/feed', atom(['c', 'b', 'a'].map(linked)));
  server.on('*', (_, response) => response.writeHead(503, { 'retry-after': '1' }).end());
  const { poll, reader, host } = instance({ url, maxAttempts: 1 });
  assert.deepEqual(await poll(), { received: 3, handled: 0, failed: 1 });
  // One question was enough to know.
  assert.deepEqual(server.requests.filter(({ url: path }) => path.startsWith('/content')).length, 1);
  assert.deepEqual(await reader.deadLetters(host.sql, 10), []);
  server.on('*', document('application/json', '{"item":"mug"}'));
  await database.sql`update banyan.feed_reader_entry set ready_at = clock_timestamp()`;
  assert.deepEqual(await poll(), { received: 0, handled: 3, failed: 0 });
  assert.deepEqual(await effects(), ['a', 'b', 'c']);
});

test('a walk that breaks off is gone on with: nothing twice, nothing out of order', async (t) => {
  const { server, url, instance, effects } = await createBench(t);
  server.on('/feed', withEtag('"1"', atom(['f', 'e'], { older: '/2' })));
  server.on('/2', atom(['d', 'c'], { older: '/1' }));
  server.on('/1', (_, response) => response.destroy());
  await assert.rejects(instance({ url }).poll(), { reason: 'feed_unavailable' });
  // What is there is newer than what is not: handling it now would turn the order of a key around.
  assert.deepEqual(await effects(), []);
  server.on('/1', atom(['b', 'a']));
  server.on('/feed', withEtag('"2"', atom(['h', 'g', 'f', 'e'], { older: '/2' })));
  const before = server.requests.length;
  assert.deepEqual(await instance({ url }).poll(), { received: 4, handled: 8, failed: 0 });
  assert.deepEqual(
    server.requests.slice(before).map(({ url: path }) => path),
    ['/1', '/feed'],
  );
  assert.deepEqual(await effects(), ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
});

test('an entry that was changed is handled anew, once', async (t) => {
  const { server, url, instance, effects } = await createBench(t);
  const page = (updated: string) =>
    document(
      'application/atom+xml',
      `<feed xmlns="http://www.w3.org/2005/Atom"><id>f</id><entry><id>a</id><updated>${updated}</updated></entry></feed>`,
    );
  const { poll } = instance({ url });
  for (const updated of ['2026-01-01T00:00:00Z', '2026-01-01T01:00:00+01:00', '2026-01-02T00:00:00Z']) {
    server.on('/feed', page(updated));
    await poll();
  }
  // The second time is the first one, told of in another time zone.
  assert.deepEqual(await effects(), ['a', 'a']);
});

test('a handler that hangs is ended, and its entry tried again', async (t) => {
  const { server, url, instance, effects } = await createBench(t);
  server.on('/feed', atom(['b', 'a']));
  let calls = 0;
  const { poll } = instance({
    url,
    handlerTimeoutMs: 100,
    before: ({ id }) => {
      calls += 1;
      return id === 'a' && calls === 1 ? new Promise<void>(() => {}) : undefined;
    },
  });
  assert.deepEqual(await poll(), { received: 2, handled: 1, failed: 1 });
  await eventually(
    async () => {
      await poll();
      return effects();
    },
    (ids) => ids.length === 2,
  );
  assert.deepEqual(await effects(), ['b', 'a']);
});

test('the background task polls by itself, tries again after an outage, and ends with the service', async (t) => {
  const { server, url, instance, effects } = await createBench(t);
  server.on('/feed', (_, response) => response.writeHead(503).end());
  const { reader, host, stop } = instance({ url, intervalMs: 50 });
  const running = reader.run(host);
  await eventually(
    () => reader.status(host.sql),
    ({ lastError }) => lastError !== null,
  );
  server.on('/feed', atom(['a']));
  await eventually(effects, (ids) => ids.length === 1);
  server.on('/feed', atom(['b', 'a']));
  await eventually(effects, (ids) => ids.length === 2);
  stop.abort();
  await running;
  assert.deepEqual(await effects(), ['a', 'b']);
});

const gone: Answer = (_, response) => response.writeHead(410).end();

test('a new reader begins where the feed begins now, if older pages are gone', async (t) => {
  const { server, url, instance, effects } = await createBench(t);
  server.on('/feed', atom(['d', 'c'], { older: '/1' }));
  server.on('/1', atom(['b'], { older: '/0' }));
  server.on('/0', gone);
  assert.deepEqual(await instance({ url }).poll(), { received: 3, handled: 3, failed: 0 });
  assert.deepEqual(await effects(), ['b', 'c', 'd']);
});

test('a reader that was away for longer than a feed keeps entries says so, and goes on when it is told to', async (t) => {
  const { server, url, instance, effects } = await createBench(t);
  server.on('/feed', atom(['a']));
  const { reader, host, poll } = instance({ url });
  await poll();
  server.on('/feed', atom(['d', 'c'], { older: '/1' }));
  server.on('/1', gone);
  await assert.rejects(poll(), { reason: 'feed_gone' });
  const { lastError, pending, isCatchingUp } = await reader.status(host.sql);
  assert.match(lastError ?? '', /410/);
  assert.deepEqual([pending, isCatchingUp], [2, true]);
  assert.deepEqual(await effects(), ['a']);
  assert.equal(await reader.abandonArchive(host.sql), true);
  await poll();
  assert.deepEqual(await effects(), ['a', 'c', 'd']);
});

test('the figures of a reader: entries, failures, and how long ago it last reached the feed', async (t) => {
  const metrics = createMetrics();
  const { server, url, instance, effects } = await createBench(t);
  const value = (name: string) => {
    const line = metrics
      .render()
      .split('\n')
      .find((each) => each.startsWith(`banyan_feed_reader_${name}{service="reading",reader="orders"} `));
    return Number(line?.split(' ').at(-1));
  };
  let isBroken = true;
  server.on('/feed', gone);
  const { reader, host, stop } = instance({
    url,
    metrics,
    intervalMs: 50,
    maxAttempts: 1,
    before({ id }) {
      if (isBroken && id === 'b') throw new Error('broken');
    },
  });
  const running = reader.run(host);
  // It never reached the feed: the time since then counts from its start.
  await eventually(
    async () => [value('failed_polls_total'), value('since_poll_seconds')],
    ([failed = 0, since = 0]) => failed >= 2 && since >= 0.1,
  );
  server.on('/feed', atom(['c', 'b', 'a']));
  await eventually(
    async () => [value('received_total'), value('handled_total'), value('failures_total'), value('dead')],
    (figures) => figures.join() === '3,2,1,1',
  );
  const sinceMs = value('since_poll_seconds') * 1_000;
  assert.ok(sinceMs >= 0 && sinceMs < 60_000, `${sinceMs} ms`);
  isBroken = false;
  const [dead] = await reader.deadLetters(host.sql, 1);
  await reader.retryDeadLetters(host.sql, [dead?.id ?? '']);
  await eventually(
    async () => [value('handled_total'), value('dead'), value('pending'), value('behind_seconds')],
    (figures) => figures.join() === '3,0,0,0',
  );
  assert.deepEqual(await effects(), ['a', 'c', 'b']);
  stop.abort();
  await running;
  assert.equal(value('since_poll_seconds'), 0);
});

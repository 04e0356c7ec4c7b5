import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '@banyan/core';
import { eventually } from '@banyan/core/testing';
import { createRandom, seed } from '@banyan/test-support/random';
import { createBench, keyed, withEtag } from './support/scripted-feed.ts';
import { atom } from './support/scripted-server.ts';

test('of two instances one polls at a time', async (t) => {
  const { server, url, instance, effects } = await createBench(t);
  let open = 0;
  let most = 0;
  server.on('/feed', (request, response) => {
    open += 1;
    most = Math.max(most, open);
    setImmediate(() => {
      open -= 1;
      atom(['b', 'a'])(request, response);
    });
  });
  const instances = [1, 2, 3].map(() => instance({ url }));
  const results = await Promise.all(instances.map(({ poll }) => poll()));
  assert.equal(most, 1);
  assert.deepEqual(results.map(({ handled }) => handled).toSorted(), [0, 0, 2]);
  assert.deepEqual(await effects(), ['a', 'b']);
});

test('an instance that was taken for dead cannot finish what another has taken over', async (t) => {
  const { server, url, instance, effects, expireLease } = await createBench(t);
  server.on('/feed', atom(['a']));
  const entered = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const slow = instance({
    url,
    before: () => {
      entered.resolve();
      return gate.promise;
    },
  });
  const slowPoll = slow.poll();
  await entered.promise;
  await expireLease();
  assert.deepEqual(await instance({ url }).poll(), { received: 0, handled: 1, failed: 0 });
  gate.resolve();
  await assert.rejects(slowPoll, { code: 'aborted', reason: 'feed_lease_lost' });
  assert.deepEqual(await effects(), ['a']);
});

test('an instance that lost its lease stops, rather than to call a handler that fails again and again', async (t) => {
  const { database, server, url, instance, effects } = await createBench(t);
  server.on('/feed', atom(['a']));
  let calls = 0;
  const failing = instance({
    url,
    async before() {
      calls += 1;
      // As when an operator gives the archive up while the handler is at work.
      if (calls === 1) await database.sql`update banyan.feed_reader set lease_token = null`;
      if (calls < 50) throw new ServiceError('down', { code: 'unavailable', reason: 'down' });
    },
  });
  await assert.rejects(failing.poll(), { code: 'aborted', reason: 'feed_lease_lost' });
  assert.equal(calls, 1);
  assert.deepEqual(await effects(), []);
});

test('however often instances are killed, every entry has its effect once, in the order of its key', async (t) => {
  t.diagnostic(`BANYAN_SEED=${seed}`);
  const kills = Number(process.env['BANYAN_TEST_KILLS'] ?? 40);
  const random = createRandom(seed);
  const { server, url, instance, effects, expireLease } = await createBench(t);
  const pageSize = 5;
  const entries: { id: string; inside: string }[] = [];
  const publish = () => {
    for (let count = Math.floor(random() * 8); count > 0; count -= 1) {
      const key = `k${Math.floor(random() * 4)}`;
      entries.push(keyed(`${key}-${String(entries.length).padStart(5, '0')}`, key));
    }
    const pages = Math.max(Math.ceil(entries.length / pageSize), 1);
    for (let page = 1; page <= pages; page += 1) {
      const shown = entries.slice((page - 1) * pageSize, page * pageSize).reverse();
      const answer = atom(shown, page > 1 ? { older: `/${page - 1}` } : {});
      server.on(`/${page}`, (request, response) => {
        if (random() < 0.05) response.destroy();
        else answer(request, response);
      });
      if (page === pages) server.on('/feed', withEtag(`"${entries.length}"`, answer));
    }
  };
  for (let killed = 0; killed < kills; killed += 1) {
    publish();
    const victim = instance({
      url,
      before: () => {
        if (random() < 0.3)
          victim.stop.abort(new ServiceError('killed', { code: 'cancelled', reason: 'killed' }));
        else if (random() < 0.1) throw new ServiceError('down', { code: 'unavailable', reason: 'down' });
      },
    });
    await victim.poll().catch(() => {});
    // A process that was killed gives nothing back.
    await expireLease();
  }
  const survivor = instance({ url });
  const ids = await eventually(
    async () => {
      await survivor.poll().catch(() => {});
      return effects();
    },
    (found) => found.length >= entries.length,
  );
  assert.deepEqual(ids.toSorted(), entries.map(({ id }) => id).toSorted());
  for (const key of ['k0', 'k1', 'k2', 'k3']) {
    const ofKey = ids.filter((id) => id.startsWith(key));
    assert.deepEqual(ofKey, ofKey.toSorted());
  }
});

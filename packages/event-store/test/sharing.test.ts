import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEventStore, createSubscription, type EventStore } from '@banyan/event-store';
import type { PostgresDatabase } from '@banyan/postgres';
import { createRandom, seed } from '@banyan/test-support/random';
import { until } from '@banyan/testing';
import * as fc from 'fast-check';
// A pure function, whose cases are too many to bring about with processes.
import { fairShare } from '../src/fair-share.ts';
import { createEventDatabase } from './event-database.ts';
import { orderEvents, placed } from './order-events.ts';

const partitions = 8;

/** One instance, with connections of its own; `stop` as at a shutdown. */
function startInstance(store: EventStore<typeof orderEvents>, database: PostgresDatabase) {
  const subscription = createSubscription(store, {
    ...{ name: 'shared', database, partitions, pageSize: 20, leaseMs: 400, pollMs: 20 },
    async handle(events, { sql }) {
      for (const { stream, revision } of events)
        await sql`insert into effect (stream, revision) values (${stream}, ${revision})`;
    },
  });
  const control = new AbortController();
  const running = subscription.run(control.signal);
  return {
    stop() {
      control.abort();
      return running;
    },
  };
}

/** How many partitions each instance has, the most first. */
async function sharesIn(database: PostgresDatabase): Promise<readonly number[]> {
  const rows = await database.sql<{ held: number }>`
    select count(*)::int4 as held from banyan.event_subscription
    where lease_until > clock_timestamp() and owner is not null group by owner order by 1 desc`;
  return rows.map(({ held }) => held);
}

const sharedAs = (database: PostgresDatabase, shares: readonly number[]) => async () =>
  JSON.stringify(await sharesIn(database)) === JSON.stringify(shares);

test('eight partitions are shared fairly while instances join and leave', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await database.sql`create table effect (number serial, stream text, revision int)`;
  const first = startInstance(store, connect());
  t.after(() => first.stop());
  await until(sharedAs(database, [8]));
  const second = startInstance(store, connect());
  t.after(() => second.stop());
  await until(sharedAs(database, [4, 4]));
  const third = startInstance(store, connect());
  t.after(() => third.stop());
  await until(sharedAs(database, [3, 3, 2]));
  await first.stop();
  await until(sharedAs(database, [4, 4]));
  await second.stop();
  await until(sharedAs(database, [8]));
});

test(`three instances come and go while writes go on: the effect of each event once, in order (seed ${seed})`, async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await database.sql`create table effect (number serial, stream text, revision int)`;
  const random = createRandom(seed);
  const seconds = Number(process.env['BANYAN_SECONDS'] ?? 4);
  const streams = 40;
  let written = 0;
  let isWriting = true;
  const writing = Promise.all(
    Array.from({ length: 4 }, async (_, writer) => {
      for (let round = 0; isWriting; round += 1) {
        await store.append(`order-${(round * 4 + writer) % streams}`, [placed()]);
        written += 1;
      }
    }),
  );
  const instances = new Map<number, ReturnType<typeof startInstance>>();
  t.after(() => Promise.all([...instances.values()].map((instance) => instance.stop())));
  const pools = [connect(), connect(), connect()] as const;
  const deadlineMs = performance.now() + seconds * 1_000;
  let changes = 0;
  while (performance.now() < deadlineMs) {
    const chosen = Math.floor(random() * 3);
    const running = instances.get(chosen);
    if (running === undefined) instances.set(chosen, startInstance(store, pools[chosen as 0]));
    else {
      instances.delete(chosen);
      // Not waited for: the next one comes while this one still goes.
      void running.stop();
    }
    changes += 1;
    const place = written + Math.floor(random() * 100);
    await until(() => written > place);
  }
  isWriting = false;
  await writing;
  if (instances.size === 0) instances.set(0, startInstance(store, connect()));
  await until(async () => {
    const [row] = await database.sql<{ count: number }>`select count(*)::int4 as count from effect`;
    return (row?.count ?? 0) >= written;
  });
  t.diagnostic(`${written} events, ${changes} joined or left`);
  const wrong = await database.sql`
    select stream, revision, place from (
      select stream, revision, row_number() over (partition by stream order by number) - 1 as place from effect
    ) as e where revision <> place`;
  assert.deepEqual(wrong, []);
  const [{ count } = { count: 0 }] = await database.sql<{
    count: number;
  }>`select count(*)::int4 as count from effect`;
  assert.equal(count, written);
});

test('an instance that dies is missed after its lease, and its partitions go to the others', async (t) => {
  const { database, connect } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  await database.sql`create table effect (number serial, stream text, revision int)`;
  // It said that it is there, and took five partitions; then nothing more was heard of it.
  await database.sql`
    insert into banyan.event_member (subscription, member, until) values ('shared', 'dead', clock_timestamp() + interval '1 second')`;
  const cursor = await store.cursorAt('start');
  await database.sql`
    insert into banyan.event_subscription (name, partition, partitions, cursor, owner, token, lease_until)
    select 'shared', p, ${partitions}, ${cursor}, 'dead', 1, clock_timestamp() + interval '1 second' from generate_series(0, 4) as p`;
  const survivor = startInstance(store, connect());
  t.after(() => survivor.stop());
  await until(sharedAs(database, [5, 3]));
  await until(sharedAs(database, [8]));
});

test('shares add up, differ by one at most, and move as few partitions as they can', () => {
  const members = fc.uniqueArray(
    fc.record({ member: fc.string({ minLength: 1 }), held: fc.nat({ max: 30 }) }),
    { minLength: 1, maxLength: 12, selector: ({ member }) => member },
  );
  fc.assert(
    fc.property(members, fc.integer({ min: 1, max: 256 }), (present, count) => {
      const shares = present.map(({ member }) => fairShare(count, present, member));
      assert.equal(
        shares.reduce((sum, share) => sum + share, 0),
        count,
      );
      assert.ok(Math.max(...shares) - Math.min(...shares) <= 1);
      for (const [index, { held }] of present.entries()) {
        for (const [other, { held: otherHeld }] of present.entries()) {
          if (held > otherHeld) assert.ok((shares[index] ?? 0) >= (shares[other] ?? 0));
        }
      }
    }),
  );
  const present = ['a', 'b', 'c'].map((member) => ({ member, held: member === 'b' ? 1 : 0 }));
  assert.deepEqual(
    present.map(({ member }) => fairShare(1, present, member)),
    [0, 1, 0],
  );
  assert.equal(fairShare(4, present, 'somebody else'), 0);
});

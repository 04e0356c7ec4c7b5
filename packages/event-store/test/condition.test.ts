import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEventStore, defineEvent, defineEvents, type EventQuery } from '@banyan/event-store';
import { z } from 'zod';
import { createEventDatabase } from './event-database.ts';

const events = defineEvents({
  CourseDefined: defineEvent({ schema: z.object({ capacity: z.number() }) }),
  StudentSubscribed: defineEvent({ schema: z.object({ student: z.string() }) }),
});
type Types = typeof events;

const subscribed = (course: string, student: string) =>
  ({
    type: 'StudentSubscribed',
    data: { student },
    tags: [`course:${course}`, `student:${student}`],
  }) as const;
const ofCourse = (course: string): EventQuery<Types> => [{ tags: [`course:${course}`] }];
const refused = { code: 'aborted', reason: 'append_condition_failed' };

test('a query finds by type, by all tags of an item, and by any item', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events });
  await store.append('course-a', [{ type: 'CourseDefined', data: { capacity: 1 }, tags: ['course:a'] }]);
  await store.append('course-a', [subscribed('a', 'x')]);
  await store.append('course-b', [subscribed('b', 'x')]);
  const find = async (query: EventQuery<Types>) =>
    (await store.query(query)).events.map(({ stream, revision }) => `${stream}/${revision}`);
  assert.deepEqual(await find([{ tags: ['course:a'] }]), ['course-a/0', 'course-a/1']);
  assert.deepEqual(await find([{ tags: ['student:x', 'course:b'] }]), ['course-b/0']);
  assert.deepEqual(await find([{ tags: ['course:a'], types: ['CourseDefined'] }]), ['course-a/0']);
  assert.deepEqual(await find([{ types: ['StudentSubscribed'] }]), ['course-a/1', 'course-b/0']);
  assert.deepEqual(await find([{ tags: ['course:b'] }, { types: ['CourseDefined'] }]), [
    'course-a/0',
    'course-b/0',
  ]);
  assert.deepEqual(await find([{ tags: ['course:c'] }]), []);
});

test('an append fails if an event that matches came since the query, whatever its stream', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events });
  const { cursor } = await store.query(ofCourse('a'));
  await store.append('unrelated-1', [subscribed('b', 'x')]);
  const condition = { failIf: ofCourse('a'), after: cursor };
  await store.append('course-a', [subscribed('a', 'x')], { condition });
  await assert.rejects(store.append('student-y', [subscribed('a', 'y')], { condition }), refused);
  const again = await store.query(ofCourse('a'));
  await store.append('student-y', [subscribed('a', 'y')], {
    condition: { failIf: ofCourse('a'), after: again.cursor },
  });
  assert.equal((await store.query(ofCourse('a'))).events.length, 2);
});

test('without a cursor the condition asks for no such event at all', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events });
  const condition = { failIf: [{ types: ['CourseDefined'], tags: ['course:a'] }] } as const;
  const define = () =>
    store.append('course-a', [{ type: 'CourseDefined', data: { capacity: 1 }, tags: ['course:a'] }], {
      condition,
    });
  await store.append('course-a', [subscribed('a', 'x')]);
  await define();
  await assert.rejects(define(), refused);
});

test('an event committed late is not overlooked, although its position is lower than what was read', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events });
  const appended = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const slow = database.tx(async (tx) => {
    await store.append('course-a', [subscribed('a', 'slow')], { tx });
    appended.resolve();
    await go.promise;
  });
  await appended.promise;
  await store.append('student-x', [subscribed('a', 'x')]);
  const { events: seen, cursor } = await store.query(ofCourse('a'));
  assert.equal(seen.length, 1);
  const attempt = store.append('student-y', [subscribed('a', 'y')], {
    condition: { failIf: ofCourse('a'), after: cursor },
  });
  go.resolve();
  await slow;
  await assert.rejects(attempt, refused);
});

for (const [name, query] of [
  ['tags', ofCourse('a')],
  ['types alone', [{ types: ['StudentSubscribed'] }]],
] as const) {
  test(`concurrent writers of two processes never overfill a course, by a condition on ${name}`, async (t) => {
    const { database, connect } = await createEventDatabase(t);
    const stores = [database, connect()].map((each) => createEventStore({ database: each, events }));
    const capacity = 25;
    let conflicts = 0;
    const subscribe = async (store: (typeof stores)[number], student: string): Promise<boolean> => {
      for (;;) {
        const { events: seen, cursor } = await store.query(query);
        if (seen.length >= capacity) return false;
        try {
          await store.append(`student-${student}`, [subscribed('a', student)], {
            condition: { failIf: query, after: cursor },
          });
          return true;
        } catch (error) {
          if ((error as { reason?: string }).reason !== 'append_condition_failed') throw error;
          conflicts += 1;
        }
      }
    };
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        subscribe(stores[index % 2] as (typeof stores)[number], `s${index}`),
      ),
    );
    assert.equal(results.filter(Boolean).length, capacity);
    assert.equal((await database.sql`select 1 from banyan.event`).length, capacity);
    assert.ok(conflicts > 0, 'nobody met anybody, so nothing was shown');
  });
}

test('a transaction appends twice under conditions, each after its own reading', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events });
  await database.tx(async (tx) => {
    for (const student of ['x', 'y']) {
      const { events: seen, cursor } = await store.query(ofCourse('a'), { tx });
      assert.equal(seen.length, student === 'x' ? 0 : 1);
      await store.append(`student-${student}`, [subscribed('a', student)], {
        tx,
        condition: { failIf: ofCourse('a'), after: cursor },
      });
    }
    // A later transaction that ends first: the snapshot then lies behind our own id, without naming it.
    await store.append('bystander-1', [subscribed('b', 'v')]);
    const { cursor } = await store.query(ofCourse('a'), { tx });
    await store.append('student-z', [subscribed('a', 'z')], { tx });
    const condition = { failIf: ofCourse('a'), after: cursor };
    await assert.rejects(store.append('student-w', [subscribed('a', 'w')], { tx, condition }), refused);
  });
  assert.equal((await store.query(ofCourse('a'))).events.length, 3);
});

test('a condition in a stricter isolation is refused, because it could not see what it waited for', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events });
  for (const isolation of ['repeatable read', 'serializable'] as const) {
    const attempt = database.tx(
      (tx) => store.append('course-a', [subscribed('a', 'x')], { tx, condition: { failIf: ofCourse('a') } }),
      { isolation },
    );
    await assert.rejects(attempt, { code: 'failed_precondition', reason: 'isolation_unsupported' });
  }
});

test('a query that asks for nothing, or for too much, is refused', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events });
  for (const query of [[], [{}], [{ tags: [''] }], Array(21).fill({ tags: ['a'] })]) {
    await assert.rejects(store.query(query as EventQuery<Types>), { reason: 'append_invalid' });
    const condition = { failIf: query as EventQuery<Types> };
    await assert.rejects(store.append('course-a', [subscribed('a', 'x')], { condition }), {
      reason: 'append_invalid',
    });
  }
});

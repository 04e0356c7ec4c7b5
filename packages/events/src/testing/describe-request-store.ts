import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Sql, uuidv7 } from '@banyan/core';
import { until } from '@banyan/core/testing';
import type { AnswerVerdict, NewRequest, RequestStore } from '../request-store.ts';

export interface RequestStoreFixture {
  readonly requests: RequestStore;
  /** Another handle on the same store, as another process of the service would have. */
  readonly other: RequestStore;
  /** Runs `work` in a transaction of the store's database. */
  tx<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** The conformance suite of {@link RequestStore}. */
export function describeRequestStore(name: string, create: () => Promise<RequestStoreFixture>): void {
  describe(`request store on ${name}`, () => {
    let fixture: RequestStoreFixture;
    beforeEach(async () => {
      fixture = await create();
    });
    afterEach(() => fixture.close());

    const about = 'stock.reserve';
    const requestOf = (options: Partial<NewRequest> = {}): NewRequest => ({
      id: uuidv7(),
      about,
      waiter: undefined,
      expiresInMs: 60_000,
      callback: undefined,
      ...options,
    });
    const open = async (options: Partial<NewRequest> = {}): Promise<string> => {
      const request = requestOf(options);
      await fixture.tx((sql) => fixture.requests.open(sql, [request]));
      return request.id;
    };
    const answer = (requestId: string, from = 'stock', data: unknown = { left: 1 }): Promise<AnswerVerdict> =>
      fixture.tx((sql) => fixture.requests.answer(sql, { requestId, from, data }));
    const late = { kind: 'late', isKnown: true };

    test('a request waits until it is answered, and keeps the answers in their order', async () => {
      const id = await open();
      assert.deepEqual(await fixture.other.read(id), { about, state: 'waiting', answers: [] });
      const given = [{ text: 'é\u0000"' }, null, [1, 'two'], 'x'.repeat(100_000)];
      for (const [index, data] of given.entries()) await answer(id, `service-${index}`, data);
      assert.deepEqual(await fixture.other.read(id), {
        about,
        state: 'answered',
        answers: given.map((data, index) => ({ from: `service-${index}`, data })),
      });
    });

    test('the first answer of a service is told to whom to pass it on; another one of it is left out', async () => {
      const callback = 'https://a.b/c';
      const id = await open({ callback, waiter: 'orders-1' });
      const taken = { kind: 'taken', waiter: 'orders-1' };
      assert.deepEqual(await answer(id, 'stock', 1), { ...taken, callback });
      assert.deepEqual(await answer(id, 'stock', 2), { ...taken, callback: undefined });
      assert.deepEqual(await answer(id, 'store', 3), { ...taken, callback });
      const { answers } = (await fixture.requests.read(id)) ?? {};
      assert.deepEqual(answers, [
        { from: 'stock', data: 1 },
        { from: 'store', data: 3 },
      ]);
    });

    test('an answer to one who gave up waiting, or whose time is over, is late and counted', async () => {
      const givenUp = await open({ waiter: 'orders-1' });
      assert.equal((await fixture.other.close(givenUp))?.state, 'expired');
      assert.deepEqual(await answer(givenUp), late);
      assert.deepEqual(await fixture.requests.read(givenUp), { about, state: 'expired', answers: [] });
      assert.deepEqual(await answer(await open({ waiter: 'orders-1', expiresInMs: 0 })), late);
      assert.deepEqual(await fixture.requests.counts(), { waiting: 0, answered: 0, expired: 2, late: 2 });
    });

    test('an answer that nobody waits for in memory is taken whenever it comes', async () => {
      const id = await open({ expiresInMs: 0 });
      assert.equal((await fixture.requests.read(id))?.state, 'expired');
      assert.equal((await answer(id)).kind, 'taken');
      assert.equal((await fixture.requests.read(id))?.state, 'answered');
    });

    test('what is not known is said so', async () => {
      assert.deepEqual(await answer(uuidv7()), { kind: 'late', isKnown: false });
      assert.equal(await fixture.requests.read(uuidv7()), undefined);
      assert.equal(await fixture.requests.close(uuidv7()), undefined);
      assert.deepEqual(await fixture.requests.counts(), { waiting: 0, answered: 0, expired: 0, late: 0 });
    });

    test('many requests are opened at once, and none is fine', async () => {
      const requests = Array.from({ length: 50 }, () => requestOf());
      await fixture.tx(async (sql) => {
        await fixture.requests.open(sql, []);
        await fixture.requests.open(sql, requests);
      });
      await answer(requests[7]?.id ?? '');
      assert.deepEqual(await fixture.requests.counts(), { waiting: 49, answered: 1, expired: 0, late: 0 });
    });

    test('a request, an answer or a late one that is rolled back never was', async () => {
      const giveUp = new Error('given up');
      const rolledBack = (work: (sql: Sql) => Promise<unknown>) =>
        assert.rejects(
          fixture.tx(async (sql) => {
            await work(sql);
            throw giveUp;
          }),
          giveUp,
        );
      const never = requestOf();
      await rolledBack((sql) => fixture.requests.open(sql, [never]));
      assert.equal(await fixture.requests.read(never.id), undefined);
      const [asked, closed] = [await open(), await open({ waiter: 'orders-1', expiresInMs: 0 })];
      for (const requestId of [asked, closed]) {
        await rolledBack((sql) => fixture.requests.answer(sql, { requestId, from: 'stock', data: 1 }));
      }
      assert.deepEqual(await fixture.requests.counts(), { waiting: 1, answered: 0, expired: 1, late: 0 });
      assert.equal((await answer(asked)).kind, 'taken');
    });

    test('whoever closes gets an answer that is being committed, or makes it late: never neither, never both', async () => {
      for (let round = 0; round < 50; round += 1) {
        const id = await open({ waiter: 'orders-1' });
        const [verdict, closed] = await Promise.all([answer(id, 'stock', round), fixture.other.close(id)]);
        assert.equal(closed?.answers.length, verdict.kind === 'taken' ? 1 : 0, `round ${round}`);
      }
    });

    test('a close waits for an answer that is not committed yet', async () => {
      const id = await open({ waiter: 'orders-1' });
      const [recorded, commit] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const answering = fixture.tx(async (sql) => {
        const verdict = await fixture.requests.answer(sql, { requestId: id, from: 'stock', data: 1 });
        recorded.resolve();
        await commit.promise;
        return verdict;
      });
      await recorded.promise;
      const closing = fixture.other.close(id);
      commit.resolve();
      assert.equal((await answering).kind, 'taken');
      assert.deepEqual((await closing)?.answers, [{ from: 'stock', data: 1 }]);
      assert.deepEqual(await answer(id, 'store'), late);
    });

    test('of the same answer that comes several times at once one is passed on', async () => {
      const id = await open({ callback: 'https://a.b/c' });
      const verdicts = await Promise.all(Array.from({ length: 8 }, () => answer(id)));
      const passedOn = verdicts.filter(
        (verdict) => verdict.kind === 'taken' && verdict.callback !== undefined,
      );
      assert.deepEqual([verdicts.every(({ kind }) => kind === 'taken'), passedOn.length], [true, 1]);
      assert.equal((await fixture.requests.read(id))?.answers.length, 1);
    });

    test('requests are forgotten with their answers when they have been over for long enough', async () => {
      const over = Array.from({ length: 1_500 }, () => requestOf({ expiresInMs: 0 }));
      await fixture.tx((sql) => fixture.requests.open(sql, over));
      const [first] = over;
      await answer(first?.id ?? '');
      const waiting = await open();
      assert.equal(await fixture.requests.prune(60_000), 0);
      // The clock has to move on by the smallest step.
      const gone = await until(() => fixture.requests.prune(0), 'requests are forgotten');
      assert.equal(gone + (await fixture.requests.prune(0)), 1_500);
      assert.equal(await fixture.requests.read(first?.id ?? ''), undefined);
      assert.equal((await fixture.requests.read(waiting))?.state, 'waiting');
    });

    test('an announced answer is heard by whoever listens, in every process, until they listen no more', async () => {
      const id = uuidv7();
      const heard = { here: [] as unknown[], there: [] as unknown[], ended: [] as unknown[] };
      const ends = [
        fixture.requests.onAnswer((requestId) => heard.here.push(requestId)),
        fixture.other.onAnswer((requestId) => heard.there.push(requestId)),
      ];
      fixture.requests.onAnswer((requestId) => heard.ended.push(requestId))();
      await until(() => {
        fixture.other.announce(id);
        return heard.here.includes(id) && heard.there.includes(id);
      }, 'the answer is heard');
      assert.deepEqual(heard.ended, []);
      for (const end of ends) end();
    });
  });
}

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type Banks, createBankCoordinator, startBanks, transferOf } from '../coordinator/banks.ts';
import { startUntil } from '../coordinator/kill-coordinator.ts';
import { preparedIn } from '../coordinator/prepared.ts';
import { measureSaga, measureTwoPhaseCommit, patienceMs, withdraw } from '../demo/measure.ts';

describe('two-phase commit', () => {
  let banks: Banks;
  before(async () => {
    banks = await startBanks();
  });
  after(() => banks.stop());
  beforeEach(async () => {
    for (const { sql } of [banks.north, banks.south]) await sql`update account set cents = 10000`;
  });

  const centsOf = async (bank: 'north' | 'south', name: string) => {
    const [found] = await banks[bank].sql<{ cents: number }>`select cents from account where name = ${name}`;
    return found?.cents;
  };
  const balances = async () => [await centsOf('north', 'ann'), await centsOf('south', 'bob')];
  const prepared = async () => [
    ...(await preparedIn(banks.north, '')),
    ...(await preparedIn(banks.south, '')),
  ];

  test('all vote yes: all commit', async () => {
    const coordinator = createBankCoordinator(banks);
    await coordinator.start();
    assert.deepEqual(await coordinator.run('t-1', transferOf(1_000)), { state: 'committed' });
    assert.deepEqual(await balances(), [9_000, 11_000]);
    assert.deepEqual(await prepared(), []);
  });

  test('one votes no: all roll back', async () => {
    const coordinator = createBankCoordinator(banks);
    await coordinator.start();
    const outcome = await coordinator.run('t-2', transferOf(20_000));
    assert.equal(outcome.state, 'rolled back');
    const other = await coordinator.run('t-3', {
      ...transferOf(1_000),
      south: () => Promise.reject(new Error('the account is frozen')),
    });
    assert.equal(other.state === 'rolled back' && (other.cause as Error).message, 'the account is frozen');
    assert.deepEqual(await balances(), [10_000, 10_000]);
    assert.deepEqual(await prepared(), []);
  });

  test('while a transaction is prepared, a second one on the row waits', async () => {
    const second = Promise.withResolvers<Awaited<ReturnType<typeof withdraw>>>();
    const coordinator = createBankCoordinator(
      {
        ...banks,
      },
      {
        onStep: async (step) => {
          if (step === 'prepared') second.resolve(await withdraw(banks));
        },
      },
    );
    await coordinator.start();
    assert.equal((await coordinator.run('t-4', transferOf(1_000))).state, 'committed');
    const { isBlocked, ms } = await second.promise;
    assert.equal(isBlocked, true);
    assert.ok(ms >= patienceMs, `${ms} ms`);
    assert.equal((await withdraw(banks)).isBlocked, false);
  });

  for (const [step, expected, ended] of [
    ['prepared', [10_000, 10_000], { committed: 0, rolledBack: 2 }],
    ['decided', [9_000, 11_000], { committed: 2, rolledBack: 0 }],
  ] as const) {
    test(`a coordinator that is killed when all have ${step} leaves them locked until it is back`, async () => {
      const coordinator = await startUntil(banks.urls, step);
      await coordinator.kill();
      assert.equal((await prepared()).length, 2);
      assert.equal((await withdraw(banks)).isBlocked, true);
      assert.deepEqual(await balances(), [10_000, 10_000]);
      assert.deepEqual(await createBankCoordinator(banks).start(), ended);
      assert.deepEqual(await balances(), expected);
      assert.equal((await withdraw(banks)).isBlocked, false);
      assert.deepEqual(await createBankCoordinator(banks).start(), { committed: 0, rolledBack: 0 });
    });
  }

  test('a coordinator without a name, or with one that is none, is refused', async () => {
    const coordinator = createBankCoordinator(banks);
    await assert.rejects(coordinator.run("t'; drop table account", {}), TypeError);
    await assert.rejects(coordinator.run('t-5', { west: async () => {} }), TypeError);
  });

  test('the saga for the same transfer blocks nobody, whether its coordinator is slow or dead, and is done when it is back', async (t) => {
    const blocking = await measureTwoPhaseCommit(banks);
    assert.deepEqual(
      [blocking.underWay.isBlocked, blocking.dead.isBlocked, blocking.back.isBlocked],
      [true, true, false],
    );
    const saga = await measureSaga(t);
    assert.deepEqual(
      [saga.underWay.isBlocked, saga.dead.isBlocked, saga.back.isBlocked],
      [false, false, false],
    );
    t.diagnostic(
      `a second withdrawal: by two-phase commit ${blocking.dead.ms.toFixed(0)} ms and not done, by saga ${saga.dead.ms.toFixed(1)} ms`,
    );
  });
});

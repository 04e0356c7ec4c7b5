import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { isServiceError } from '@banyan/banyan';
import { startTestSystem } from '@banyan/testing';
import { north, south } from '../bank/contract.ts';
import { type Banks, createBankCoordinator } from '../coordinator/banks.ts';
import { startUntil } from '../coordinator/kill-coordinator.ts';
import twoPhaseCommit from '../system.ts';
import { transfers } from '../transfers/contract.ts';

/** What a second withdrawal from the account met while a transfer was under way. */
export interface Attempt {
  readonly isBlocked: boolean;
  /** Until it was done, or until it gave up. */
  readonly ms: number;
}

export interface Comparison {
  /** The transfer has been begun, and its coordinator is slow. */
  readonly underWay: Attempt;
  /** The coordinator is dead. */
  readonly dead: Attempt;
  /** The coordinator is back and has ended what it began. */
  readonly back: Attempt;
}

type Scope = Pick<TestContext, 'after'>;

/** How long a withdrawal waits for the account before it gives up. */
export const patienceMs = 1_000;

/** Withdraws a cent from the account that the transfer takes money from. */
export async function withdraw({ north: database }: Pick<Banks, 'north'>): Promise<Attempt> {
  const startedMs = performance.now();
  try {
    await database.tx(async ({ sql }) => {
      await sql`select set_config('lock_timeout', ${`${patienceMs}ms`}, true)`;
      await sql`update account set cents = cents - 1 where name = 'ann'`;
    });
    return { isBlocked: false, ms: performance.now() - startedMs };
  } catch (error) {
    if (!isServiceError(error) || error.reason !== 'lock_not_available') throw error;
    return { isBlocked: true, ms: performance.now() - startedMs };
  }
}

export async function measureTwoPhaseCommit(banks: Banks): Promise<Comparison> {
  const coordinator = await startUntil(banks.urls, 'prepared');
  const underWay = await withdraw(banks);
  await coordinator.kill();
  const dead = await withdraw(banks);
  await createBankCoordinator(banks).start();
  return { underWay, dead, back: await withdraw(banks) };
}

/**
 * The same with the saga: the southern bank is away, so that the transfer stays under way with the money withdrawn; then its coordinator is killed, too; then
 * both are back, and the transfer is done.
 */
export async function measureSaga(t: Scope): Promise<Comparison> {
  const system = await startTestSystem(t, twoPhaseCommit, {
    placement: [['gateway', 'north']],
    processes: true,
    harsh: false,
  });
  const bank = system.client(north, { service: 'transfers' });
  const attempt = async (): Promise<Attempt> => {
    const startedMs = performance.now();
    await bank.withdraw({ account: 'ann', cents: 1 });
    const ms = performance.now() - startedMs;
    return { isBlocked: ms >= patienceMs, ms };
  };
  const southHost = await system.addHost(['south']);
  await system.client(south, { service: 'transfers' }).openAccount({ account: 'bob', cents: 10_000 });
  await southHost.stop();
  await bank.openAccount({ account: 'ann', cents: 10_000 });
  // Once before, so that nothing is measured that happens only the first time.
  await attempt();
  const coordinator = await system.addProcess(['transfers']);
  const client = system.client(transfers);
  await client.transfer({ transferId: 't-1', from: 'ann', to: 'bob', cents: 1_000 });
  await until(async () => (await bank.getBalance({ account: 'ann' })).cents === 8_999);
  const underWay = await attempt();
  await coordinator.kill();
  const dead = await attempt();
  await Promise.all([system.addHost(['south']), system.addHost(['transfers'])]);
  await until(async () => (await client.getTransfer({ transferId: 't-1' })).state === 'done');
  return { underWay, dead, back: await attempt() };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  while (!(await condition().catch(() => false))) {
    if (performance.now() > deadlineMs) throw new Error('The transfer did not get there in 60 s.');
    await setTimeout(20);
  }
}

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startTestSystem } from '@banyan/testing';
import { failures, laboratory, ledger, probes, runner } from './fixtures/probes.ts';

const as = { service: 'probe', timeoutMs: 60_000 };
const page = new URL('../../../docs/reference/saga-outcomes.md', import.meta.url);

interface Row {
  readonly policy: string;
  readonly failure: string;
  /** `completed: done | done, confirmed | –` */
  readonly outcome: string;
}

async function readRows(): Promise<readonly Row[]> {
  const text = await readFile(page, 'utf8');
  const lines = text.split('\n').filter((line) => line.startsWith('| ') && !/^\| (policy|---)/.test(line));
  return lines.map((line) => {
    const [policy = '', failure = '', status = '', ...effects] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    return { policy, failure, outcome: `${status}: ${effects.join(' | ')}` };
  });
}

test('every policy meets every failure as the docs say', async (t) => {
  const rows = await readRows();
  const pairs = Object.keys(probes).flatMap((policy) => failures.map((failure) => `${policy} / ${failure}`));
  assert.deepEqual(
    rows.map(({ policy, failure }) => `${policy} / ${failure}`),
    pairs,
  );
  const system = await startTestSystem(t, laboratory, { harsh: false });
  const run = async ({ policy, failure }: Row, index: number) =>
    system.client(runner, as).run({ policy, failure, runId: `run${index}` });
  const ends = await Promise.all(rows.map(run));
  const effects = await system.client(ledger, as).effects({});
  const effectsOf = (runId: string, step: string) => {
    const kinds = effects
      .filter((each) => each.runId === runId && each.step === step)
      .map(({ kind }) => kind);
    return kinds.join(', ') || '–';
  };
  const found = rows.map(({ policy, failure }, index) => {
    const runId = `run${index}`;
    const steps = ['first', 'tested', 'last'].map((step) => effectsOf(runId, step));
    return { policy, failure, outcome: `${ends[index]?.status}: ${steps.join(' | ')}` };
  });
  assert.deepEqual(found, rows);
});

test('a reservation that ends before the saga does is cancelled, and the saga undone', async (t) => {
  const system = await startTestSystem(t, laboratory, { harsh: false });
  const end = await system.client(runner, as).run({ policy: 'expiry', failure: '', runId: 'slow' });
  assert.deepEqual([end.status, end.failure?.kind], ['compensated', 'expired']);
  const effects = await system.client(ledger, as).effects({});
  assert.deepEqual(
    effects.map(({ step, kind }) => `${step} ${kind}`),
    ['first done', 'tested done', 'tested cancelled', 'first undone'],
  );
});

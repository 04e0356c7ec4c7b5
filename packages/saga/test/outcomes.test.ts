import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startTestSystem } from '@banyan/testing';
import { laboratory, runner } from './fixtures/laboratory.ts';
import { ledger } from './fixtures/ledger.ts';
import { probes, type WayName } from './fixtures/probes.ts';

const as = { service: 'probe', timeoutMs: 60_000 };
const page = new URL('../../../docs/reference/saga-outcomes.md', import.meta.url);
const failures = [
  'refused once',
  'refused for good',
  'before, once',
  'during, once',
  'after, once',
  'after, five times',
  'fault for good',
];
const policies = Object.keys(probes.call).filter((name) => name !== 'all');
const places = ['first', 'held', 'turn', 'last'];

/** One cell of the tables: one kind of step, one failure, and what becomes of it. */
interface Case {
  readonly probe: string;
  readonly at: string;
  readonly failure: string;
  readonly steps: readonly string[];
  /** `completed: done | done, confirmed | –` */
  readonly outcome: string;
}

/** A row stands for every kind of step that it names. */
function toCases(cells: readonly string[]): readonly Case[] {
  const [title = '', failure = '', ways = '', status = '', ...effects] = cells;
  const isPolicy = policies.includes(title);
  return ways.split(', ').map((way) => ({
    probe: probes[way as WayName][(isPolicy ? title : 'all') as 'all'].name,
    at: isPolicy ? 'tested' : title,
    failure,
    steps: isPolicy ? ['first', 'tested', 'last'] : places,
    outcome: `${status}: ${effects.join(' | ')}`,
  }));
}

async function readCases(): Promise<readonly Case[]> {
  const text = await readFile(page, 'utf8');
  const lines = text.split('\n').filter((line) => /^\| (?!policy|fails at|---)/.test(line));
  return lines.flatMap((line) =>
    toCases(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    ),
  );
}

/** Every policy and every place with every failure, for each kind of step. */
function allCombinations(): readonly string[] {
  return Object.values(probes).flatMap((each) =>
    [
      ...policies.map((policy) => `${each[policy as 'all'].name} tested`),
      ...places.map((at) => `${each.all.name} ${at}`),
    ].flatMap((probe) => failures.map((failure) => `${probe} ${failure}`)),
  );
}

test('every policy meets every failure, at every place and in every kind of step, as the docs say', async (t) => {
  const cases = await readCases();
  const named = cases.map(({ probe, at, failure }) => `${probe} ${at} ${failure}`);
  assert.deepEqual(named.toSorted(), allCombinations().toSorted());
  const system = await startTestSystem(t, laboratory, { harsh: false });
  const runs = system.client(runner, as);
  const ends = await Promise.all(
    cases.map(({ probe, at, failure, outcome }, index) => {
      // What is expected to wait has nothing to do but wait.
      const waitMs = outcome.startsWith('running') ? 5_000 : 50_000;
      return runs.run({ probe, at, failure, waitMs, runId: `run${index}` });
    }),
  );
  const effects = [...(await system.client(ledger, as).effects({})), ...(await runs.effects({}))];
  const byStep = Map.groupBy(effects, ({ runId, step }) => `${runId} ${step}`);
  const found = cases.map((each, index) => {
    const kinds = each.steps.map(
      (step) => (byStep.get(`run${index} ${step}`) ?? []).map(({ kind }) => kind).join(', ') || '–',
    );
    return { ...each, outcome: `${ends[index]?.status}: ${kinds.join(' | ')}` };
  });
  assert.deepEqual(found, cases);
});

test('a reservation that ends before the saga does is cancelled, and the saga undone', async (t) => {
  const system = await startTestSystem(t, laboratory, { harsh: false });
  const slow = { probe: 'slow', at: '', failure: '', waitMs: 50_000, runId: 'slow' };
  const end = await system.client(runner, as).run(slow);
  assert.deepEqual([end.status, end.failure?.kind], ['compensated', 'expired']);
  const effects = await system.client(ledger, as).effects({});
  assert.deepEqual(
    effects.map(({ step, kind }) => `${step} ${kind}`),
    ['first done', 'tested done', 'tested cancelled', 'first undone'],
  );
});

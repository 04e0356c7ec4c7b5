import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError, toProblem } from '@banyan/core';
import { type Durable, durable } from '@banyan/saga';
import { createRandom, seed } from '@banyan/test-support/random';
import { z } from 'zod';
// The runs of a function's code are pure: a relative import, because nobody else needs them.
import { Execution, type Rest } from '../src/durable/execution.ts';
import type { JournalEntry } from '../src/durable/journal.ts';
import { randomProgram } from './fixtures/random-program.ts';

const startedAtMs = Date.UTC(2026, 0, 1);
const run = (definition: Durable) => new Execution({ definition, id: 'program', input: {}, startedAtMs });

/** What is asked for, as it can be compared. */
const asked = (execution: Execution) =>
  execution.pending.map(({ index, kind, name, hash }) => [index, kind, name, hash]);

const shown = (rest: Rest) =>
  rest.kind === 'threw' ? `threw ${String(rest.error)}` : rest.kind === 'returned' ? rest.value : rest;

/** Lets the world answer at random, in any order, until the function has ended; now and then it refuses, or interrupts. */
async function live(definition: Durable, random: () => number) {
  const execution = run(definition);
  const journal: JournalEntry[] = [];
  const stands = [];
  let nowMs = startedAtMs;
  await execution.advance([]);
  for (;;) {
    stands.push({ pending: asked(execution), rest: shown(execution.rest) });
    if (execution.rest.kind !== 'waiting' || journal.length > 300) return { journal, stands };
    nowMs += Math.floor(random() * 100);
    const { pending } = execution;
    const command = pending[Math.floor(random() * pending.length)];
    const chance = random();
    if (command === undefined) throw new Error('it waits for nothing');
    const { index: i, kind: k, name: n, hash } = command;
    const about = { i, k, n, t: nowMs, ...(hash === undefined ? undefined : { h: hash }) };
    const error = new ServiceError(`no ${n}`, { code: 'failed_precondition', reason: 'no', declared: true });
    const entry: JournalEntry =
      chance < 0.005 && !execution.isInterrupted
        ? { i: -1, k: 'interrupt', n: 'cancel', t: nowMs, e: toProblem(error) }
        : chance < 0.04 && k !== 'sleep'
          ? { ...about, e: toProblem(error) }
          : k === 'sleep'
            ? about
            : { ...about, r: Math.floor(random() * 100) };
    journal.push(entry);
    await execution.advance([entry]);
  }
}

test('a random function that is run again from any prefix of its journal comes to the same place', async (t) => {
  t.diagnostic(`seed ${seed}; repeat with BANYAN_SEED=${seed}`);
  let prefixes = 0;
  for (let round = 0; round < 300; round += 1) {
    const random = createRandom(seed + round);
    const definition = randomProgram(random);
    const { journal, stands } = await live(definition, random);
    for (let length = 0; length <= journal.length; length += 1) {
      const again = run(definition);
      await again.advance(journal.slice(0, length), { isReplay: true });
      assert.deepEqual({ pending: asked(again), rest: shown(again.rest) }, stands[length], `round ${round}`);
      prefixes += 1;
    }
    // And then, told one by one what is left, to the same end.
    const half = Math.floor(journal.length / 2);
    const rest = run(definition);
    await rest.advance(journal.slice(0, half), { isReplay: true });
    for (const entry of journal.slice(half)) await rest.advance([entry]);
    assert.deepEqual(shown(rest.rest), stands.at(-1)?.rest);
  }
  t.diagnostic(`${prefixes} prefixes`);
  assert.ok(prefixes > 1_000);
});

const define = (body: Parameters<typeof durable>[2]) =>
  durable('changed', { version: 1, input: z.object({}), output: z.unknown() }, body);

test('code that asks for something else than the journal has is told apart, with its line', async () => {
  const entry = (i: number, k: JournalEntry['k'], n: string, h?: string): JournalEntry => ({
    ...{ i, k, n, t: startedAtMs },
    ...(h === undefined ? undefined : { h }),
  });
  const reasonOf = async (body: Parameters<typeof durable>[2], journal: readonly JournalEntry[]) => {
    const execution = run(define(body) as Durable);
    const end = await execution.advance(journal, { isReplay: true });
    return end.kind === 'parted' ? end.parting.reason : end.kind;
  };
  const journal = [entry(0, 'tx', 'reserve'), entry(1, 'tx', 'charge')];
  // Another name.
  assert.match(
    await reasonOf(async (_input, d) => {
      await d.tx('reserve', async () => {});
      await d.tx('pay', async () => {});
    }, journal),
    /^packages\/saga\/test\/replay\.test\.ts:\d+: the code asks for tx 'pay' as its command 1; the journal has tx 'charge' there \(entry 2 of 2, 2026-01-01T00:00:00\.000Z\)/,
  );
  // Another kind.
  assert.match(
    await reasonOf(async (_input, d) => {
      await d.sleep(5);
    }, journal),
    /replay\.test\.ts:\d+: the code asks for sleep as its command 0; the journal has tx 'reserve'/,
  );
  // Less than there was.
  assert.match(
    await reasonOf(async (_input, d) => {
      await d.tx('reserve', async () => {});
      return 'done';
    }, journal),
    /The journal has tx 'charge' as command 1 .*the code did not ask for it: it has returned/,
  );
  // Another input.
  assert.match(
    await reasonOf(
      async (_input, d) => {
        await d.child(define(async () => {}) as Durable, { at: 'now' });
      },
      [entry(0, 'child', 'changed@1', 'otherHash')],
    ),
    /replay\.test\.ts:\d+: the code asks for child 'changed@1' with another input/,
  );
});

test('a function that asks for something while nobody told it anything is stopped at that line', async () => {
  const { promise: told, resolve: tell } = Promise.withResolvers<string>();
  const definition = define(async (_input, d) => {
    const sleeping = d.sleep(1_000);
    setTimeout(() => void d.tx('late', async () => {}), 1);
    await sleeping;
  }) as Durable;
  const execution: Execution = new Execution({
    ...{ definition, id: 'late', input: {}, startedAtMs },
    onParted: () => tell(execution.rest.kind === 'parted' ? execution.rest.parting.reason : ''),
  });
  assert.equal((await execution.advance([])).kind, 'waiting');
  assert.match(await told, /replay\.test\.ts:\d+: the code asks for tx 'late' after it waited for something/);
});

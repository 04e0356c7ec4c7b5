import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder, untilPasses } from '@banyan/testing';
import { type RunningSystem, runBanyan, startSystem } from '../support/running-system.ts';

const first = fileURLToPath(new URL('./fixtures/tours/', import.meta.url));
const changed = fileURLToPath(new URL('./fixtures/tours-changed/', import.meta.url));
const line = /\S*test\/e2e\/fixtures\/tours\.ts:\d+/;

test('durable functions are looked at, answered, cancelled, checked and mended', async (t) => {
  const folder = await temporaryFolder(t, 'tours');
  const dataFolder = join(folder, 'data');
  const start = (directory: string) => startSystem(t, { directory, flags: ['--calm'], dataFolder });
  let system: RunningSystem = await start(first);
  const ask = async (path: string, body?: object) => {
    const post = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    };
    return (await (await fetch(`${system.url}${path}`, body && post)).json()) as {
      tourId: string;
      status: string;
      result: unknown;
      waitingFor: string[];
    };
  };
  const begin = async (name: string) => (await ask('/tours', { name })).tourId;
  const until = (id: string, status: string) =>
    untilPasses(async () => assert.equal((await ask(`/tours/${id}`)).status, status));
  const untilItWaits = (id: string) =>
    untilPasses(async () => assert.deepEqual((await ask(`/tours/${id}`)).waitingFor, ['leave']));
  const saga = async (words: readonly string[], directory = first) => {
    const run = runBanyan(['saga', ...words, '--dir', directory, '--data', dataFolder]);
    const { code } = await run.exited;
    return { code, output: run.output() };
  };
  const done = async (words: readonly string[]) => {
    const { code, output } = await saga(words);
    assert.equal(code, 0, output);
  };
  const stuck = async () => {
    const id = await begin('back');
    await until(id, 'stuck');
    return id;
  };

  await t.test('what a function is stuck at is shown with its line, and answered', async () => {
    const [repaired, skipped] = await Promise.all([stuck(), stuck()]);
    const { output } = await saga(['ls', 'tours', '--status', 'stuck']);
    assert.match(
      output,
      new RegExp(`${repaired} +tour@1 +stuck .*${line.source}: run 'pass' failed again and again`),
    );
    const file = join(folder, 'result.json');
    await writeFile(file, '"the garden"');
    await done(['repair', 'tours', repaired, '--file', file, '--by', 'ann']);
    await done(['skip', 'tours', skipped]);
    await Promise.all([untilItWaits(repaired), untilItWaits(skipped)]);
    for (const id of [repaired, skipped]) await ask(`/tours/${id}/departures`, {});
    await Promise.all([until(repaired, 'completed'), until(skipped, 'completed')]);
    assert.equal((await ask(`/tours/${repaired}`)).result, 'the garden');
    assert.equal((await ask(`/tours/${skipped}`)).result, 'nothing');
    assert.match((await saga(['audit', 'tours'])).output, new RegExp(`ann +repair +${repaired}`));
  });

  await t.test('a retry gives it another five attempts, a cancel interrupts it', async () => {
    const id = await stuck();
    await done(['retry', 'tours', id]);
    await until(id, 'stuck');
    await done(['cancel', 'tours', id]);
    await until(id, 'failed');
    assert.match((await saga(['show', 'tours', id])).output, /"reason": "durable_cancelled"/);
  });

  await t.test('its journal is shown with times, and drawn', async () => {
    const id = await begin('front');
    await untilItWaits(id);
    const { journal } = JSON.parse((await saga(['show', 'tours', id])).output) as {
      journal: { at: string; command: string; r?: unknown }[];
    };
    assert.deepEqual(
      journal.map(({ command, r }) => [command, r]),
      [
        ["tx 'enter'", undefined],
        ["run 'pass'", 'the hall'],
      ],
    );
    assert.ok(journal.every(({ at }) => Math.abs(Date.parse(at) - Date.now()) < 60_000));
    const file = join(folder, 'journal.svg');
    await done(['show', 'tours', id, '--svg', file]);
    assert.match(
      await readFile(file, 'utf8'),
      /tx &#39;enter&#39;.*run &#39;pass&#39;.*waitFor &#39;leave&#39;/s,
    );
  });

  await t.test('a change that would break instances is found before it runs, and mended after', async () => {
    const id = await begin('front');
    await untilItWaits(id);
    const good = await saga(['check', 'tours']);
    assert.match(good.output, /^0 of \d+ sagas under way would break\./);
    const broken = await saga(['check', 'tours'], changed);
    assert.equal(broken.code, 1);
    assert.match(
      broken.output,
      new RegExp(`${id} +tour@1 +run 'pass' +${line.source}: the code asks for tx 'greet'`),
    );
    const file = join(folder, 'recorded.json');
    await writeFile(file, (await saga(['ls', 'tours', '--json'])).output);
    const recorded = await saga(['check', 'tours', '--file', file], changed);
    assert.match(recorded.output, new RegExp(`${id} +tour@1 +run 'pass'`));
    // It runs all the same.
    await system.stop();
    system = await start(changed);
    await ask(`/tours/${id}/departures`, {});
    await until(id, 'stuck');
    const { output } = await saga(['show', 'tours', id], changed);
    assert.match(
      output,
      new RegExp(
        `"reason": "${line.source}: the code asks for tx 'greet' as its command 1; the journal has run 'pass' there`,
      ),
    );
    // The code is mended.
    await system.stop();
    system = await start(first);
    await done(['retry', 'tours', id]);
    await until(id, 'completed');
    assert.equal((await ask(`/tours/${id}`)).result, 'the hall');
  });
});

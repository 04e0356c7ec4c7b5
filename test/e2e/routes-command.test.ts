import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stallMs, temporaryFolder } from '@banyan/testing';
import { runBanyan, startSystem } from '../support/running-system.ts';

const directory = fileURLToPath(new URL('./fixtures/camera-system/', import.meta.url));

test('traffic is moved from the command line while the system runs, and stays where it is over a restart', async (t) => {
  const dataFolder = await temporaryFolder(t, 'routes');
  let system = await startSystem(t, { directory, dataFolder, flags: ['--calm', '--split'] });
  const routes = async (...words: string[]) => {
    const run = runBanyan(['routes', ...words, '--dir', directory, '--data', dataFolder]);
    const { code } = await run.exited;
    return { code, output: run.output() };
  };
  const change = async (...words: string[]) => {
    const outcome = await routes(...words, '--by', 'ada', '--why', 'test');
    assert.equal(outcome.code, 0, outcome.output);
  };
  const model = async () => {
    const response = await fetch(`${system.url}/cameras`);
    const body = (await response.json()) as { model?: string };
    return body.model ?? response.status;
  };
  const within5s = async (expected: string | number) => {
    const endMs = performance.now() + 5_000 + stallMs;
    while ((await model()) !== expected && performance.now() < endMs) await delay(20);
    assert.equal(await model(), expected);
  };

  assert.equal(await model(), '001');
  await change('link', 'cameras', '2');
  await within5s('002');
  await change('weight', 'cameras', '1=1', '2=0');
  await within5s('001');
  await change('off', 'cameras.show');
  await within5s(404);
  await change('on', 'cameras.show');
  await within5s('001');
  const file = join(dataFolder, 'rule.json');
  await writeFile(
    file,
    JSON.stringify({ current: '1', matches: [{ header: { name: 'x', value: '1' }, to: { version: '2' } }] }),
  );
  await change('set', 'cameras', '--file', file);
  await change('revert', '1');
  await within5s('002');

  await change('link', 'cameras', '2', '--back', '1', '--target', '0.9', '--within', '500');
  const shown = await routes('ls');
  assert.match(shown.output, /GET +\/cameras +cameras\.show +2\.0\.0/);
  assert.match(shown.output, /cameras +2, back to 1 below 90 % good calls within 500 ms\n/);
  const history = await routes('history', '--limit', '2');
  assert.match(history.output, /^7 +\S+ +ada +test$/m);
  assert.match(history.output, /^6 /m);
  assert.doesNotMatch(history.output, /^5 /m);

  for (const [words, code, says] of [
    [['link', 'cameras', '3', '--why', 'no'], 2, /'cameras' 3 is not exposed/],
    [['link', 'cameras', '2'], 2, /Say why/],
    [['link', 'cameras', '2', '--target', '0.9', '--why', 'no'], 2, /--back VERSION/],
    [['link', 'cameras', '2', '--back', '2', '--why', 'no'], 2, /another version/],
    [['link', 'cameras'], 2, /banyan routes link SERVICE VERSION/],
    [['weight', 'cameras', '2:5', '--why', 'no'], 2, /Write a share as 2=95/],
    [['revert', '99', '--why', 'no'], 2, /no version 99/],
    [['move'], 2, /Verbs: ls, link, weight, set, clear, on, off, moved, history, revert/],
    [
      ['moved', '/old/*', '30', '--why', 'no'],
      2,
      /no operation can take over from '\/old\/\*'; there are none/,
    ],
    [['moved', '/old/*', 'some', '--why', 'no'], 2, /banyan routes moved '\/legacy\/\*' 30/],
  ] as const) {
    const outcome = await routes(...words);
    assert.equal(outcome.code, code, outcome.output);
    assert.match(outcome.output, says);
  }

  await system.stop();
  system = await startSystem(t, { directory, dataFolder, flags: ['--calm'] });
  assert.equal(await model(), '002');
  // Its folder is removed before what was started is stopped.
  await system.stop();
});

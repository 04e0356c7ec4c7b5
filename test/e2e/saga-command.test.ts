import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder, untilPasses } from '@banyan/testing';
import { consoleOf, runBanyan, startSystem } from '../support/running-system.ts';

interface ShownSaga {
  readonly startedAt: string;
  readonly steps: readonly {
    readonly name: string;
    readonly attempts: number;
    readonly input?: unknown;
    readonly output?: unknown;
    readonly startedAt?: string;
    readonly endedAt?: string;
  }[];
}

const directory = fileURLToPath(new URL('./fixtures/saga-system/', import.meta.url));

test('sagas are looked at, retried, skipped, repaired, cancelled and checked while the system runs', async (t) => {
  const environment = { CONSOLE_PORT: '0' };
  const system = await startSystem(t, { directory, flags: ['--calm'], environment });
  const folder = await temporaryFolder(t, 'saga');
  const post = async (path: string, body: object, method = 'POST') => {
    const response = await fetch(`${system.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return (await response.json()) as { sagaId: string };
  };
  const read = async (id: string) =>
    (await (await fetch(`${system.url}/visits/${id}`)).json()) as {
      status: string;
      results: Record<string, unknown>;
    };
  const saga = async (...words: string[]) => {
    const run = runBanyan(['saga', ...words, '--dir', directory, '--data', system.dataFolder]);
    const { code } = await run.exited;
    return { code, output: run.output() };
  };
  const until = (id: string, status: string) =>
    untilPasses(async () => assert.equal((await read(id)).status, status));
  const stuck = async (name: string) => {
    const { sagaId } = await post('/visits', { name });
    await until(sagaId, 'stuck');
    return sagaId;
  };

  await t.test('a stuck saga goes on when it is retried', async () => {
    const id = await stuck('front');
    const listed = await saga('ls', 'visits', '--status', 'stuck');
    assert.match(listed.output, new RegExp(`${id} +visit@1 +stuck .*do pass: closed`));
    await post('/doors/front', { isOpen: true }, 'PUT');
    const retried = await saga('retry', 'visits', id, '--by', 'ann');
    assert.equal(retried.code, 0, retried.output);
    await until(id, 'completed');
    assert.equal((await read(id)).results['greet'], 'hello front');
    assert.match((await saga('audit', 'visits')).output, new RegExp(`ann +retry +${id}`));
  });

  await t.test('the console tells what each step was asked and gave, and when, without secrets', async () => {
    const asked = { name: 'gate', token: 'aSecretToken' };
    await post('/doors/gate', { isOpen: true }, 'PUT');
    const { sagaId } = await post('/visits', asked);
    await until(sagaId, 'completed');
    const steps = await untilPasses(async () => {
      const answer = await fetch(`${consoleOf(system)}/api/sagas/visits/${sagaId}`);
      const text = await answer.text();
      assert.equal(answer.status, 200, text);
      assert.doesNotMatch(text, /aSecretToken/);
      const { startedAt, ...found } = JSON.parse(text) as ShownSaga;
      assert.deepEqual(
        found.steps.map(({ name, input, output }) => [name, input, output]),
        [
          ['decide', undefined, 'go'],
          ['pass', { name: 'gate', token: '[redacted]' }, { passed: 'gate' }],
          ['greet', undefined, 'hello gate'],
        ],
      );
      for (const step of found.steps) {
        const times = [startedAt, step.startedAt, step.endedAt].map((time) => Date.parse(time ?? ''));
        assert.deepEqual(times, times.toSorted(), JSON.stringify(step));
        assert.equal(step.attempts, 1);
      }
      return found.steps;
    });
    const begins = steps.map(({ startedAt }) => startedAt);
    assert.deepEqual(begins, begins.toSorted());
  });

  await t.test('a stuck step is skipped, or repaired with a result', async () => {
    const file = join(folder, 'result.json');
    await writeFile(file, '{"passed":"the garden"}');
    const [skipped, repaired] = [await stuck('back'), await stuck('side')];
    assert.equal((await saga('skip', 'visits', skipped)).code, 0);
    assert.equal((await saga('repair', 'visits', repaired, '--file', file)).code, 0);
    await until(repaired, 'completed');
    assert.equal((await read(repaired)).results['greet'], 'hello the garden');
    // `greet` needs the result that a skipped step does not have.
    await until(skipped, 'stuck');
  });

  await t.test('a saga that waits is cancelled, and one behind its pivot is not', async () => {
    const { sagaId } = await post('/waits', { name: 'front' });
    assert.equal((await saga('cancel', 'visits', sagaId)).code, 0);
    await until(sagaId, 'compensated');
    const refused = await saga('cancel', 'visits', await stuck('cellar'));
    assert.match(refused.output, /passed its pivot/);
    assert.equal(refused.code, 2);
  });

  await t.test('a saga draws the path that it took', async () => {
    const id = await stuck('attic');
    const file = join(folder, 'path.svg');
    assert.equal((await saga('show', 'visits', id, '--svg', file)).code, 0);
    const svg = await readFile(file, 'utf8');
    assert.match(svg, /decide<.*run · pivot · done</s);
    assert.match(svg, /pass<.*doors\.pass · failing|pass<.*doors\.pass · failed/s);
    assert.match((await saga('show', 'visits', id)).output, /"reason": "closed"/);
  });

  await t.test('sagas under way are checked against this checkout', async () => {
    const good = await saga('check', 'visits');
    assert.match(good.output, /^0 of \d+ sagas under way would break\./);
    const file = join(folder, 'sagas.json');
    const { output } = await saga('ls', 'visits', '--status', 'stuck', '--json');
    await writeFile(file, output.replaceAll('"pass"', '"walk"'));
    const bad = await saga('check', 'visits', '--file', file);
    assert.equal(bad.code, 1, bad.output);
    assert.match(bad.output, /'walk', which the candidate does not have/);
  });

  await t.test('wrong words are refused in one line', async () => {
    for (const [words, says] of [
      [['fly'], /There is no 'saga fly'/],
      [['ls'], /Name a service/],
      [['show', 'visits', 'nonsense'], /has no saga 'nonsense'/],
      [['ls', 'visits', '--status', 'odd'], /--status is one of/],
      [['ls', 'nobody'], /There is no service 'nobody'/],
    ] as const) {
      const { code, output } = await saga(...words);
      assert.notEqual(code, 0);
      assert.match(output, says);
    }
  });
});

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, lastFirst, type Undoing, until } from '@banyan/testing';
import { runBanyan } from '../support/running-system.ts';

// Inside the repository, so that the files find `@banyan/banyan`.
const here = fileURLToPath(new URL('../tmp-', import.meta.url));

const greeter = (word: string) => `
import { contract, operation, service } from '@banyan/banyan';
import { z } from 'zod';
import { punctuation } from './punctuation.ts';
export const greeter = contract('greeter', {
  version: '1.0.0',
  operations: { greet: operation('GET /greeting', { input: z.object({}), output: z.object({ text: z.string() }) }) },
});
export const greeterService = service(greeter, {
  operations: { greet: async () => ({ text: '${word}' + punctuation }) },
});
`;
const counter = `
import { contract, operation, service } from '@banyan/banyan';
import { z } from 'zod';
export const counter = contract('counter', {
  version: '1.0.0',
  operations: { count: operation('GET /count', { input: z.object({}), output: z.object({ count: z.number() }) }) },
});
let count = 0;
export const counterService = service(counter, { operations: { count: async () => ({ count: (count += 1) }) } });
`;
const system = `
import { expose, gateway, system } from '@banyan/banyan';
import { counter, counterService } from './counter/service.ts';
import { greeter, greeterService } from './greeter/service.ts';
export default system('reloading', {
  services: [greeterService, counterService],
  gateway: gateway({ expose: [expose(greeter, { greet: 'anyone' }), expose(counter, { count: 'anyone' })] }),
});
`;

async function writeSystem(): Promise<string> {
  const folder = await mkdtemp(here);
  await mkdir(join(folder, 'greeter'));
  await mkdir(join(folder, 'counter'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(join(folder, 'system.ts'), system);
  await writeFile(join(folder, 'greeter', 'service.ts'), greeter('hello'));
  await writeFile(join(folder, 'greeter', 'punctuation.ts'), "export const punctuation = '!';\n");
  await writeFile(join(folder, 'counter', 'service.ts'), counter);
  return folder;
}

/** The system with its files watched, and what a developer does with it. */
async function start(
  t: Undoing,
  flags: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
) {
  const folder = await writeSystem();
  const run = runBanyan(['up', '--dir', folder, '--port', '0', ...flags], environment);
  lastFirst(t).after(async () => {
    run.process.kill('SIGINT');
    await run.exited;
    await rm(folder, { recursive: true, force: true });
  });
  // Watching begins right after the address is printed.
  await until(() => run.output().includes('Ctrl-C'), 'last line of the start');
  const url = /(?:Page|Gateway)\s+(http:\/\/\S+?)\/?\s/.exec(run.output())?.[1];
  return {
    get: async (path: string) =>
      (await fetch(`${url}${path}`)).json() as Promise<{ text?: string; count?: number }>,
    write: (file: string, text: string) => writeFile(join(folder, file), text),
    wordOfMistake: () =>
      until(
        () => /greeter: .*(Unexpected|Expression)|greeter.*ended/i.test(run.output()),
        'word of the mistake',
      ),
    async banyan(words: readonly string[], expectedCode = 0) {
      const command = runBanyan([...words, '--dir', folder]);
      assert.equal((await command.exited).code, expectedCode, command.output());
      return command.output();
    },
  };
}

const broken = 'export const broken = ;';

for (const [name, flags] of Object.entries({ 'in one process': [], split: ['--split'] })) {
  test(`a changed file reloads its own service and no other, ${name}`, async (t) => {
    const { get, write, wordOfMistake } = await start(t, flags);
    const greets = (text: string) => until(async () => (await get('/greeting')).text === text, text);
    assert.deepEqual(await get('/greeting'), { text: 'hello!' });
    assert.deepEqual(await get('/count'), { count: 1 });
    await write('greeter/service.ts', greeter('good day'));
    await greets('good day!');
    await write('greeter/punctuation.ts', "export const punctuation = '?';\n");
    await greets('good day?');
    assert.deepEqual(await get('/count'), { count: 2 }, 'the other service kept its state');
    await write('greeter/service.ts', broken);
    await wordOfMistake();
    assert.deepEqual(await get('/count'), { count: 3 });
    await write('greeter/service.ts', greeter('welcome back'));
    await greets('welcome back?');
  });
}

const withConsole = { CONSOLE_PORT: '0' };

test('a slowed service is not any more once it was reloaded, and is shown so', async (t) => {
  const { banyan, write } = await start(t, [], withConsole);
  await banyan(['control', 'slow', 'greeter', '300ms']);
  await write('greeter/service.ts', greeter('good day'));
  await eventually(
    () => banyan(['status']),
    (text) => /greeter +1\.0\.0 +ready /.test(text),
  );
});

test('a slowed service whose reload fails goes on slowed, and is shown so', async (t) => {
  const { banyan, write, wordOfMistake } = await start(t, [], withConsole);
  await banyan(['control', 'slow', 'greeter', '300ms']);
  await write('greeter/service.ts', broken);
  await wordOfMistake();
  // The console is told of all services with it.
  await banyan(['control', 'slow', 'counter', '300ms']);
  assert.match(await banyan(['status']), /greeter +1\.0\.0 +slowed 300 ms /);
});

test('a restart into code that does not start tells whoever asked for it why', async (t) => {
  const { banyan, write } = await start(t, ['--split', '--no-watch'], withConsole);
  await write('greeter/service.ts', `${greeter('hello')}throw new Error('There is nobody to greet.');`);
  assert.match(await banyan(['control', 'restart', 'greeter'], 1), /There is nobody to greet\./);
  await write('greeter/service.ts', greeter('welcome back'));
  await banyan(['control', 'start', 'greeter']);
  assert.match(await banyan(['status']), /greeter +1\.0\.0 +ready /);
});

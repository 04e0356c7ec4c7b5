import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '@banyan/testing';
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

for (const [name, flags] of Object.entries({ 'in one process': [], split: ['--split'] })) {
  test(`a changed file reloads its own service and no other, ${name}`, async (t) => {
    const folder = await writeSystem();
    const run = runBanyan(['up', '--dir', folder, '--port', '0', ...flags]);
    t.after(async () => {
      run.process.kill('SIGINT');
      await run.exited;
      await rm(folder, { recursive: true, force: true });
    });
    const url = await until(
      () => /(?:Page|Gateway)\s+(http:\/\/\S+?)\/?\s/.exec(run.output())?.[1],
      'address',
    );
    const get = async (path: string) =>
      (await fetch(url + path)).json() as Promise<{ text?: string; count?: number }>;
    assert.deepEqual(await get('/greeting'), { text: 'hello!' });
    assert.deepEqual(await get('/count'), { count: 1 });
    // Watching begins right after the address is printed.
    await until(() => (run.output().includes('Ctrl-C') ? true : undefined), 'last line of the start');
    await writeFile(join(folder, 'greeter', 'service.ts'), greeter('good day'));
    await until(
      async () => ((await get('/greeting')).text === 'good day!' ? true : undefined),
      'new greeting',
    );
    await writeFile(join(folder, 'greeter', 'punctuation.ts'), "export const punctuation = '?';\n");
    await until(
      async () => ((await get('/greeting')).text === 'good day?' ? true : undefined),
      'new punctuation',
    );
    assert.deepEqual(await get('/count'), { count: 2 }, 'the other service kept its state');
    await writeFile(join(folder, 'greeter', 'service.ts'), 'export const broken = ;');
    await until(
      () => (/greeter: .*(Unexpected|Expression)|greeter.*ended/i.test(run.output()) ? true : undefined),
      'word of the mistake',
    );
    assert.deepEqual(await get('/count'), { count: 3 });
    await writeFile(join(folder, 'greeter', 'service.ts'), greeter('welcome back'));
    await until(
      async () => ((await get('/greeting')).text === 'welcome back?' ? true : undefined),
      'mended greeting',
    );
  });
}

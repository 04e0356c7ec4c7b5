import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const skip =
  process.env['BANYAN_SHIPPED'] === '1'
    ? false
    : 'slow: set BANYAN_SHIPPED=1 to pack and install every package';

const program = `
import { contract, operation } from '@banyan/contract';
import { z } from 'zod';

export const clock = contract('clock', {
  version: '1.0.0',
  operations: {
    now: operation('GET /now', { input: z.object({}), output: z.object({ at: z.string() }) }),
  },
});
const method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' = clock.operations.now.method;
// @ts-expect-error the types of the package are there: a contract has no such operation
clock.operations.later;
console.log(clock.name, method);
`;

const systemModule = `
import { contract, expose, gateway, operation, service, system } from '@banyan/banyan';
import { z } from 'zod';

const clock = contract('clock', {
  version: '1.0.0',
  operations: { now: operation('GET /now', { input: z.object({}), output: z.object({ at: z.string() }) }) },
});
export default system('clocks', {
  services: [service(clock, { operations: { now: async () => ({ at: 'noon' }) } })],
  gateway: gateway({ expose: [expose(clock, { now: 'anyone' })] }),
});
`;

suite('the packages as they are published', { skip }, () => {
  let folder = '';
  const run = (command: string, ...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}${stderr}`);
    return stdout;
  };

  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'banyan-shipped-'));
    const tarballs = run(process.execPath, path.join(root, 'tools/pack.ts'), '--out', folder)
      .trim()
      .split('\n');
    writeFileSync(path.join(folder, 'package.json'), '{"type":"module","private":true}');
    const own = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    const others = ['zod', '@types/node'].map((name) => `${name}@${own.devDependencies[name]}`);
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
    run('npm', 'install', ...quiet, ...tarballs, ...others);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('a program written against a contract runs and has its types', () => {
    writeFileSync(path.join(folder, 'program.mts'), program);
    writeFileSync(
      path.join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          module: 'nodenext',
          strict: true,
          target: 'es2024',
          outDir: 'built',
          types: ['node'],
        },
      }),
    );
    run(process.execPath, path.join(root, 'node_modules/typescript/bin/tsc'), '-p', folder);
    assert.equal(run(process.execPath, 'built/program.mjs'), 'clock GET\n');
  });

  test('the command line says its version', () => {
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      version: string;
    };
    assert.equal(run(path.join(folder, 'node_modules/.bin/banyan'), '--version'), `${version}\n`);
  });

  const olderNode = findOlderNode();
  test('the command line says which Node it needs', {
    skip: olderNode === undefined && 'by chance: no Node before 22.18 is on the PATH of this machine',
  }, () => {
    const main = path.join(folder, 'node_modules/@banyan/banyan/dist/main.js');
    const { status, stderr } = spawnSync(olderNode ?? '', [main, '--version'], { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /^Banyan needs Node\.js 22\.18 or newer; this is \d+\.\d+\.\d+\..*\n$/);
  });

  test('the page of the console comes with the command line, already built', () => {
    const web = path.join(folder, 'node_modules/@banyan/banyan/dist/console/web');
    const script = /src="\/(console-[A-Z0-9]+\.js)"/.exec(readFileSync(path.join(web, 'index.html'), 'utf8'));
    assert.ok(readFileSync(path.join(web, script?.[1] ?? '')).byteLength > 1_000);
  });

  test('every package loads', () => {
    const names = readdirSync(path.join(folder, 'node_modules/@banyan'));
    assert.ok(names.length > 10, names.join());
    for (const name of names) run(process.execPath, '-e', `await import('@banyan/${name}')`);
  });

  test('a system runs in processes of its own, with the console beside it', async (t) => {
    writeFileSync(path.join(folder, 'system.ts'), systemModule);
    const banyan = path.join(folder, 'node_modules/.bin/banyan');
    const up = spawn(banyan, ['up', '--split'], {
      cwd: folder,
      env: { ...process.env, PORT: '0', CONSOLE_PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(up, 'exit');
    t.after(() => {
      up.kill();
      return ended;
    });
    let said = '';
    for await (const text of up.stdout.setEncoding('utf8')) {
      said += text;
      if (said.includes('Ctrl-C')) break;
    }
    const addressOf = (what: string) =>
      new RegExp(`${what} +(http://\\S+)`).exec(said)?.[1] ?? assert.fail(said);
    assert.deepEqual(await (await fetch(`${addressOf('Gateway')}now`)).json(), { at: 'noon' });
    assert.equal((await fetch(`${addressOf('Console')}api/system`)).status, 200);
  });
});

function findOlderNode(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  return folders
    .map((each) => path.join(each, 'node'))
    .find((node) => {
      const [, major, minor] =
        /^v(\d+)\.(\d+)/.exec(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout ?? '') ?? [];
      return Number(major) < 22 || (Number(major) === 22 && Number(minor) < 18);
    });
}

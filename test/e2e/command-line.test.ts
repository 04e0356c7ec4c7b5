import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lastFirst, temporaryFolder } from '@banyan/testing';
import {
  foodToGoDirectory,
  photoPrintDirectory,
  runBanyan,
  startPhotoPrint,
} from '../support/running-system.ts';

/** The command's exit code and what it said, once it has ended. */
async function outcomeOf(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const run = runBanyan(words, environment);
  // What should end and does not must fail this test, not the whole run.
  const timer = setTimeout(() => run.process.kill('SIGKILL'), 120_000);
  const { code } = await run.exited;
  clearTimeout(timer);
  return { code, output: run.output() };
}

test('help lists the commands, and each command its options', async () => {
  const help = await outcomeOf(['--help']);
  assert.equal(help.code, 0);
  for (const name of ['up', 'serve', 'check', 'routes', 'graph', 'describe', 'reset'])
    assert.match(help.output, new RegExp(`^  ${name} `, 'm'));
  const up = await outcomeOf(['up', '--help']);
  assert.equal(up.code, 0);
  assert.match(up.output, /--split/);
});

test('an unknown command or option says what there is', async () => {
  const command = await outcomeOf(['upp']);
  assert.equal(command.code, 2);
  assert.match(command.output, /no command 'upp'.*up, serve, check/);
  const option = await outcomeOf(['up', '--spilt']);
  assert.equal(option.code, 2);
  assert.match(option.output, /There is no option '--spilt'\. See 'banyan up --help'\.\n$/);
  const value = await outcomeOf(['up', '--port']);
  assert.equal(value.code, 2);
  assert.match(value.output, /argument missing\. See 'banyan up --help'\.\n$/);
});

test('a folder without a system is named', async (t) => {
  const folder = await temporaryFolder(t);
  const { code, output } = await outcomeOf(['check', '--dir', folder]);
  assert.equal(code, 1);
  assert.match(output, /There is no system here.*system\.ts/);
});

test('a definition error is told with its fix and its place, without a stack', async (t) => {
  const folder = await temporaryFolder(t);
  const chassis = import.meta.resolve('@banyan/chassis');
  await writeFile(
    join(folder, 'system.ts'),
    `import { system } from '${chassis}';\nexport default system('Not Kebab', { services: [] });\n`,
  );
  const { code, output } = await outcomeOf(['check', '--dir', folder]);
  assert.equal(code, 1);
  assert.match(output, /kebab-case/);
  assert.match(output, /system\.ts:2/);
  assert.doesNotMatch(output, /^\s+at .*packages/m);
});

test('a registry that there is not is refused by name, and so are addresses in another form', async () => {
  for (const [url, expected] of [
    ['consul://127.0.0.1:8500', /REGISTRY_URL takes 'static:orders=http:/],
    ['statc:orders=http://127.0.0.1:4001', /REGISTRY_URL takes 'static:orders=http:/],
    ['static:orders', /static:orders=http:/],
  ] as const) {
    const run = runBanyan(['check', '--dir', photoPrintDirectory], { REGISTRY_URL: url });
    assert.equal((await run.exited).code, 1, url);
    assert.match(run.output(), expected);
  }
});

test('check finds nothing wrong with photo-print', async () => {
  const { code, output } = await outcomeOf(['check', '--dir', photoPrintDirectory]);
  assert.equal(code, 0, output);
  assert.match(
    output,
    /photo-print: \d+ services, \d+ operations \(\d+ public\), \d+ events: nothing wrong\./,
  );
});

test('what nobody keeps in production is named by check, up and serve, before anything starts', async (t) => {
  const data = join(await temporaryFolder(t), 'data');
  const provider = /in production service 'payments' uses 'payment-provider', which no service .* keeps/;
  const check = await outcomeOf(['check', '--production', '--dir', photoPrintDirectory]);
  assert.equal(check.code, 1);
  assert.match(check.output, provider);
  assert.match(check.output, /service 'uploads' uses 'instagram'/);
  const food = await outcomeOf(['check', '--dir', foodToGoDirectory], { BANYAN_ENV: 'production' });
  assert.equal(food.code, 1);
  assert.match(food.output, /the gateway exposes or asks 'identity'/);
  const up = await outcomeOf(['up', '--production', '--dir', photoPrintDirectory, '--data', data]);
  assert.equal(up.code, 1);
  assert.match(up.output, provider);
  assert.equal(existsSync(data), false, 'nothing was started');
  const serve = await outcomeOf(['serve', 'payments', '--production', '--dir', photoPrintDirectory]);
  assert.equal(serve.code, 1);
  assert.match(serve.output, provider);
  assert.doesNotMatch(serve.output, /instagram/);
});

test('routes lists what is public and for whom', async () => {
  const { output } = await outcomeOf(['routes', '--dir', photoPrintDirectory]);
  assert.match(output, /POST\s+\/print-orders\s+orders\.placeOrder\s+scope:customer/);
  const routes = JSON.parse(
    (await outcomeOf(['routes', '--json', '--dir', photoPrintDirectory])).output,
  ) as unknown[];
  assert.ok(routes.length > 10);
});

test('graph is text, JSON and an SVG that browsers can read', async (t) => {
  const file = join(await temporaryFolder(t), 'graph.svg');
  const text = await outcomeOf(['graph', '--dir', photoPrintDirectory]);
  assert.match(text.output, /^printing .*\n(.*\n)*? {2}listens to orders: .*paid/m);
  assert.match(text.output, /^instagram .*\(development\)$/m);
  const production = await outcomeOf(['graph', '--production', '--dir', photoPrintDirectory]);
  assert.match(production.output, /^printing /m);
  assert.doesNotMatch(production.output, /instagram/);
  await outcomeOf(['graph', '--svg', file, '--dir', photoPrintDirectory]);
  const svg = await readFile(file, 'utf8');
  assert.match(svg, /^<svg /);
  for (const name of ['gateway', 'orders', 'despatch']) assert.match(svg, new RegExp(`>${name}<`));
});

test('describe prints the contracts as OpenAPI and their events as AsyncAPI', async () => {
  const words = ['describe', '--dir', photoPrintDirectory];
  const openApi = JSON.parse((await outcomeOf(words)).output) as { openapi: string; paths: object };
  assert.match(openApi.openapi, /^3\.1/);
  assert.ok('/print-orders' in openApi.paths && '/provider/charges' in openApi.paths);
  const one = JSON.parse((await outcomeOf([...words, 'orders'])).output) as typeof openApi;
  assert.ok('/print-orders' in one.paths && !('/photos' in one.paths));
  const asyncApi = JSON.parse((await outcomeOf([...words, '--events'])).output) as { asyncapi: string };
  assert.match(asyncApi.asyncapi, /^3\./);
  const nobody = await outcomeOf([...words, 'nobody']);
  assert.equal(nobody.code, 2);
});

test('every configuration problem of every service is told at once, with variable and expected type', async (t) => {
  const data = join(await temporaryFolder(t), 'data');
  const { code, output } = await outcomeOf(
    ['up', '--dir', photoPrintDirectory, '--data', data, '--port', '0'],
    {
      AUTHENTICATION_TOKEN_MINUTES: 'soon',
      UPLOADS_MAX_IMPORTS: '1000',
    },
  );
  assert.equal(code, 1);
  assert.match(output, /AUTHENTICATION_TOKEN_MINUTES.*whole number/);
  assert.match(output, /UPLOADS_MAX_IMPORTS.*from 1 to 50/);
  assert.equal(existsSync(data), false, 'nothing was started');
});

test('an environment that there is not is refused, and never taken for development', async () => {
  const { code, output } = await outcomeOf(['check', '--dir', photoPrintDirectory], { BANYAN_ENV: 'prod' });
  assert.equal(code, 1);
  assert.match(output, /BANYAN_ENV must be development or production, not 'prod'/);
});

test('a signing key that is none is refused before anything is derived from it, and not shown', async () => {
  for (const secret of ['hunter2hunter2', `${'a'.repeat(42)}!`]) {
    const wrong = { BANYAN_SECRET: secret, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
    for (const words of [['check'], ['serve', 'orders']]) {
      const { code, output } = await outcomeOf([...words, '--dir', photoPrintDirectory], wrong);
      assert.equal(code, 1, output);
      assert.match(output, /BANYAN_SECRET must be base64url text of at least 32 bytes/);
      assert.ok(!output.includes(secret), output);
    }
  }
});

test('a server that does not answer is named by host, port and variable, without its password', async () => {
  const there = {
    DATABASE_URL: 'postgres://banyan:opensesame@127.0.0.1:1/postgres',
    BANYAN_SECRET: randomBytes(32).toString('base64url'),
  };
  for (const words of [
    ['serve', 'orders'],
    ['events', 'status'],
  ]) {
    const { code, output } = await outcomeOf([...words, '--dir', photoPrintDirectory], there);
    assert.equal(code, 1, output);
    assert.match(output, /PostgreSQL at 127\.0\.0\.1:1 \(DATABASE_URL\) does not answer: ECONNREFUSED\./);
    assert.doesNotMatch(output, /opensesame/);
  }
});

test('a wrong port is refused before anything starts', async () => {
  const { code, output } = await outcomeOf(['up', '--dir', photoPrintDirectory, '--port', 'eighty']);
  assert.equal(code, 1);
  assert.match(output, /PORT must be a whole number from 0 to 65535, not 'eighty'/);
});

test('an unknown service in --own is named together with those there are', async () => {
  const { code, output } = await outcomeOf(['up', '--dir', photoPrintDirectory, '--own', 'pirnting']);
  assert.equal(code, 2);
  assert.match(output, /no 'pirnting' to place; the system has .*printing/);
});

test('a taken port is one clear line, and nothing stays behind', async (t) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const data = await temporaryFolder(t);
  const { code, output } = await outcomeOf([
    'up',
    '--dir',
    photoPrintDirectory,
    '--data',
    data,
    '--port',
    String(port),
  ]);
  assert.equal(code, 1);
  assert.match(output, new RegExp(`banyan: .*${port}.*(taken|in use)`));
  assert.doesNotMatch(output, /^\s+at /m);
  assert.equal(existsSync(join(data, 'up.lock')), false);
  assert.equal(existsSync(join(data, 'postgres', 'postmaster.pid')), false);
});

test('a second run in the same folder is refused with the process that has it', async (t) => {
  const system = await startPhotoPrint(t);
  const words = ['up', '--dir', photoPrintDirectory, '--data', system.dataFolder, '--port', '0'];
  const { code, output } = await outcomeOf(words);
  assert.equal(code, 1);
  assert.match(
    output,
    new RegExp(`already running here \\(process ${system.process.pid}, which .*up\\.lock names\\)`),
  );
});

test('Ctrl-C leaves no process and no lock, and the next start works with the same data', async (context) => {
  const t = lastFirst(context);
  const dataFolder = await temporaryFolder(t);
  const first = await startPhotoPrint(t, { dataFolder });
  first.process.kill('SIGINT');
  assert.deepEqual(await first.exited, { code: 0, signal: null });
  assert.equal(existsSync(join(dataFolder, 'up.lock')), false);
  assert.equal(existsSync(join(dataFolder, 'postgres', 'postmaster.pid')), false);
  const second = await startPhotoPrint(t, { dataFolder });
  assert.equal((await fetch(`${second.url}/health/live`)).status, 200);
});

test('Ctrl-C in the middle of a start is an orderly stop', async (t) => {
  const dataFolder = await temporaryFolder(t);
  const run = runBanyan(['up', '--dir', photoPrintDirectory, '--data', dataFolder, '--port', '0']);
  await new Promise<void>((resolve) => {
    run.process.stdout?.on('data', () => {
      if (run.output().includes('creating the database files')) resolve();
    });
  });
  run.process.kill('SIGINT');
  assert.deepEqual(await run.exited, { code: 0, signal: null }, run.output());
  assert.equal(existsSync(join(dataFolder, 'up.lock')), false);
  assert.equal(existsSync(join(dataFolder, 'postgres', 'postmaster.pid')), false);
});

test('a run that was killed leaves nothing that keeps the next one from starting', async (context) => {
  const t = lastFirst(context);
  const dataFolder = await temporaryFolder(t);
  const first = await startPhotoPrint(t, { dataFolder });
  first.process.kill('SIGKILL');
  await first.exited;
  const second = await startPhotoPrint(t, { dataFolder });
  assert.equal((await fetch(`${second.url}/health/ready`)).status, 200);
});

test('a corrupt .env is one line with file and line number', async (t) => {
  const folder = await temporaryFolder(t);
  const chassis = import.meta.resolve('@banyan/chassis');
  await writeFile(
    join(folder, 'system.ts'),
    `import { system } from '${chassis}';\nexport default system('empty', { services: [] });\n`,
  );
  await writeFile(join(folder, '.env'), 'PORT=8080\nthis is no assignment\n');
  const { code, output } = await outcomeOf(['up', '--dir', folder]);
  assert.equal(code, 1);
  assert.match(output, /\.env.*2/);
  assert.equal(output.trim().split('\n').length, 1, output);
});

test('a full disk is one clear line', async (t) => {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') {
    t.skip('needs a small file system of its own, which only root can mount');
    return;
  }
  const disk = await mkdtemp(join(tmpdir(), 'banyan-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    await rm(disk, { recursive: true });
    t.skip('this machine does not allow mounting');
    return;
  }
  t.after(async () => {
    execFileSync('umount', [disk]);
    await rm(disk, { recursive: true });
  });
  const { code, output } = await outcomeOf([
    'up',
    '--dir',
    photoPrintDirectory,
    '--data',
    join(disk, 'data'),
    '--port',
    '0',
  ]);
  assert.equal(code, 1);
  assert.match(output, /disk .*is full/);
  assert.doesNotMatch(output, /^\s+at /m);
});

test('reset asks first, and deletes nothing without an answer', async (t) => {
  const data = join(await temporaryFolder(t), 'data');
  await mkdir(data);
  await writeFile(join(data, 'kept'), 'x');
  const asked = await outcomeOf(['reset', '--dir', photoPrintDirectory, '--data', data]);
  assert.equal(asked.code, 1);
  assert.ok(existsSync(join(data, 'kept')));
  const sure = await outcomeOf(['reset', '--yes', '--dir', photoPrintDirectory, '--data', data]);
  assert.equal(sure.code, 0);
  assert.equal(existsSync(data), false);
});

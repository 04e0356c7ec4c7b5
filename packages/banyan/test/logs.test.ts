import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createConsoleServer, createLive, telemetryHandlers } from '@banyan/console-api';
import { silentLogger, systemClock } from '@banyan/core';
import { createTelemetryStore, type TelemetryStore } from '@banyan/telemetry-store';
import { createTestDatabase, eventually, lastFirst, temporaryFolder } from '@banyan/testing';
import { logs } from '../src/commands/logs.ts';
import { tellConsole } from '../src/console/console-client.ts';
import { dataFolderAt } from '../src/data-folder.ts';
import type { Terminal } from '../src/terminal.ts';

async function storeLine(store: TelemetryStore, text: string): Promise<void> {
  const timeUnixNano = `${systemClock.nowMs()}000000`;
  const logRecords = [{ timeUnixNano, severityNumber: 9, body: { stringValue: text } }];
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };
  store.receive('logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
  await store.flush();
}

test('a search that stops before its end goes on until there is no more', async (t) => {
  const asked: (string | undefined)[] = [];
  const line = (message: string) => ({
    ...{ id: message, at: '2026-11-22T08:00:00.000000Z', level: 'info' as const },
    ...{ service: 'shop', message, attributes: {} },
  });
  const server = createConsoleServer({
    ...{ host: '127.0.0.1', port: 0, access: { kind: 'loopback' }, version: '0.0.0', logger: silentLogger },
    telemetry: {
      async searchLogs({ after }) {
        asked.push(after);
        if (after === undefined)
          return { lines: [line('newest')], next: 'further', searchedTo: '2026-11-22T07:00:00.000000Z' };
        return { lines: [line('oldest')] };
      },
    },
    operations: {
      getSystem: async () => ({
        ...{ name: 'shop', version: '0.0.0', development: true, by: 'somebody', runId: 'this one' },
        services: [],
      }),
    },
  });
  lastFirst(t).after(() => server.stop());
  const folder = await temporaryFolder(t, 'logs');
  await tellConsole(dataFolderAt(folder), { url: await server.start(), runId: 'this one' });
  const lines: string[] = [];
  const terminal: Terminal = {
    ...{ version: '0.0.0', workingDirectory: folder, environment: {}, interactive: false },
    changeDirectory() {},
    write: (text) => void lines.push(text),
    fail: (text) => void lines.push(text),
    confirm: async () => false,
    stopRequested: new Promise(() => {}),
  };
  assert.equal(await logs.run({ options: { data: folder, text: 'gold' }, positionals: [] }, terminal), 0);
  assert.deepEqual(asked, [undefined, 'further']);
  assert.deepEqual(
    lines.map((each) => /shop: (.*)\n/.exec(each)?.[1]),
    ['oldest', 'newest'],
  );
});

test('a line that is stored while the lines so far are looked for is shown, and none twice', async (t) => {
  const { url } = await createTestDatabase(t);
  const store = createTelemetryStore({ clock: systemClock, logger: silentLogger, url });
  lastFirst(t).after(() => store.stop());
  await store.start();
  const live = createLive({ store, clock: systemClock, logger: silentLogger });
  lastFirst(t).after(async () => live.close());
  const telemetry = telemetryHandlers(store, systemClock.nowMs);
  const server = createConsoleServer({
    ...{ host: '127.0.0.1', port: 0, access: { kind: 'loopback' }, version: '0.0.0', logger: silentLogger },
    routes: [live.route],
    telemetry: {
      async searchLogs(input, asker) {
        await storeLine(store, 'just before');
        const found = await telemetry.searchLogs(input, asker);
        await storeLine(store, 'just after');
        return found;
      },
    },
    operations: {
      getSystem: async () => ({
        ...{ name: 'shop', version: '0.0.0', development: true, by: 'somebody', runId: 'this one' },
        services: [],
      }),
    },
  });
  lastFirst(t).after(() => server.stop());
  const folder = await temporaryFolder(t, 'logs');
  await tellConsole(dataFolderAt(folder), { url: await server.start(), runId: 'this one' });

  const lines: string[] = [];
  const stop = Promise.withResolvers<string>();
  const terminal: Terminal = {
    ...{ version: '0.0.0', workingDirectory: folder, environment: {}, interactive: false },
    changeDirectory() {},
    write: (text) => void lines.push(text),
    fail: (text) => void lines.push(text),
    confirm: async () => false,
    stopRequested: stop.promise,
  };
  const following = logs.run({ options: { data: folder, follow: true }, positionals: [] }, terminal);
  const has = (text: string) => lines.some((line) => line.includes(text));
  await eventually(
    async () => has('just before'),
    (shown) => shown,
  );
  await storeLine(store, 'later');
  await eventually(
    async () => has('later'),
    (shown) => shown,
  );
  stop.resolve('SIGINT');
  assert.equal(await following, 0);
  assert.deepEqual(
    lines.map((line) => /shop: (.*)\n/.exec(line)?.[1]),
    ['just before', 'just after', 'later'],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createConsoleServer } from '@banyan/console-api';
import { silentLogger } from '@banyan/core';
import { lastFirst, temporaryFolder } from '@banyan/testing';
// A child process has no terminal that somebody watches.
import { top } from '../src/commands/top.ts';
import { tellConsole } from '../src/console/console-client.ts';
import { dataFolderAt } from '../src/data-folder.ts';

test('whoever watches the operations sees why there are no figures, and the watch goes on', async (t) => {
  const data = await temporaryFolder(t, 'top');
  const server = createConsoleServer({
    ...{ host: '127.0.0.1', port: 0, version: '0.0.0', logger: silentLogger },
    access: { kind: 'loopback' },
    telemetry: {},
    operations: {
      getSystem: async () => ({
        ...{ name: 'shop', version: '0.0.0', development: true, by: 'ann', runId: 'run', services: [] },
      }),
    },
  });
  lastFirst(t).after(() => server.stop());
  await tellConsole(dataFolderAt(data), { url: await server.start(), runId: 'run' });
  const stop = Promise.withResolvers<string>();
  const screens: string[] = [];
  const terminal = {
    ...{ version: '0.0.0', workingDirectory: data, environment: {}, interactive: true },
    changeDirectory() {},
    write(text: string) {
      screens.push(text);
      if (screens.length === 2) stop.resolve('SIGINT');
    },
    fail() {},
    confirm: async () => false,
    stopRequested: stop.promise,
  };
  assert.equal(await top.run({ options: { dir: data, data }, positionals: [] }, terminal), 0);
  assert.equal(screens.length, 2);
  for (const screen of screens) assert.match(screen, /no figures: .* \(not_offered\)/);
});

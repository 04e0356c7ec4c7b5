import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '@banyan/core';
import { openPostgresEngines, provisionSystem, resetSystem } from '@banyan/postgres';
import { lastFirst, startTestServer, temporaryFolder } from '@banyan/testing';
// What the console shows is asked here without a console.
import { createStreamOperations } from '../src/console/stream-operations.ts';
import { openServicePorts } from '../src/service-ports.ts';
import type { Terminal } from '../src/terminal.ts';
import system from './fixtures/two-stores/system.ts';

const directory = fileURLToPath(new URL('./fixtures/two-stores/', import.meta.url));
const services = ['left', 'right'];

/** Databases of the system, with the platform's tables in none of the services' yet. */
async function provisioned(t: TestContext) {
  const { url: adminUrl } = await startTestServer({ alone: true });
  const secret = randomBytes(32).toString('base64url');
  lastFirst(t).after(() => resetSystem({ adminUrl, system: system.name }));
  const urls = await provisionSystem({ adminUrl, system: system.name, services, secret });
  const engines = await openPostgresEngines({ ...urls, logger: silentLogger });
  lastFirst(t).after(() => engines.close());
  const data = await temporaryFolder(t, 'ports');
  const terminal: Terminal = {
    version: '0.0.0',
    workingDirectory: directory,
    environment: { DATABASE_URL: adminUrl, BANYAN_SECRET: secret },
    interactive: false,
    changeDirectory() {},
    write() {},
    fail() {},
    confirm: async () => false,
    stopRequested: new Promise(() => {}),
  };
  const ports = await openServicePorts({ options: { dir: directory, data }, positionals: [] }, terminal);
  lastFirst(t).after(() => ports.close());
  return {
    ports,
    async migrate(name: string) {
      await (await engines.openStore({ name, migrations: undefined })).close();
    },
  };
}

test('the state of a stream is that after its last event, and a stream is found by its name however long ago it changed', async (t) => {
  const { ports, migrate } = await provisioned(t);
  for (const name of services) await migrate(name);
  const { sql } = (await ports.open('left')).database;
  const append = (stream: string, events: number) => sql`
    insert into banyan.event (stream, revision, version, type, data)
    select ${stream}, n, 1, 'Counted', json_build_object('count', n) from generate_series(0, ${events - 1}::int8) as n`;
  await append('old-1', 1);
  await append('long-1', 10_500);
  const { getStreamState, listStreams, readStream } = createStreamOperations(async () => ports);
  const asker = { by: 'ann', signal: new AbortController().signal };
  assert.deepEqual(await getStreamState({ service: 'left', streamId: 'long-1' }, asker), {
    revision: 10_499,
    state: { count: 10_499 },
  });
  await assert.rejects(getStreamState({ service: 'left', streamId: 'none' }, asker), { reason: 'no_stream' });
  const names = async (text: string) =>
    (await listStreams({ service: 'left', text }, asker)).streams.map(({ streamId }) => streamId);
  assert.deepEqual([await names('ol'), await names('1')], [['old-1'], ['long-1', 'old-1']]);
  const { events } = await readStream({ service: 'left', streamId: 'old-1' }, asker);
  assert.ok(Date.parse(events[0]?.at ?? '') > 0);
  await append('long-1-again', 50_001);
  assert.deepEqual([await names('ol'), await names('old-1')], [[], ['old-1']]);
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '@banyan/core';
import { openPostgresEngines, provisionSystem, resetSystem } from '@banyan/postgres';
import { lastFirst, startTestServer, temporaryFolder } from '@banyan/testing';
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

test('a service that could not be opened is opened by whoever asks once it can be', async (t) => {
  const { ports, migrate } = await provisioned(t);
  await assert.rejects(ports.open('left'), { reason: 'migration_pending' });
  await migrate('left');
  assert.equal((await ports.open('left')).service.name, 'left');
  assert.equal((await ports.open('left')).database, (await ports.open('left')).database);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@banyan/core';
import { takeInstanceName } from '@banyan/postgres';
import { createTestDatabase, lastFirst, until } from '@banyan/testing';
import { startTcpFaultProxy } from '../../packages/rabbitmq/test/tcp-fault-proxy.ts';

test('a process that was cut off without a word finds out that another one took its name', async (t) => {
  const { url: platformUrl, database } = await createTestDatabase(t);
  const url = new URL(platformUrl);
  // The embedded server's is that of a socket.
  url.searchParams.delete('host');
  const proxy = await startTcpFaultProxy({ host: '127.0.0.1', port: Number(url.port) });
  lastFirst(t).after(() => proxy.close());
  url.host = `127.0.0.1:${proxy.port}`;
  const warnings: string[] = [];
  const wanted = { system: 'shop', parts: ['orders'], wanted: 'host' };
  const first = await takeInstanceName({ ...wanted, platformUrl: url.href });
  lastFirst(t).after(() => first.release());
  first.useLogger({ ...silentLogger, warn: (message) => warnings.push(message) });
  proxy.stall();
  await database.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'banyan instance' and datname = current_database()`;
  const second = await takeInstanceName({ ...wanted, platformUrl });
  lastFirst(t).after(() => second.release());
  assert.equal(second.name, 'host');
  await until(() => proxy.connections > 1, 'it connects again');
  proxy.heal();
  await until(() => warnings.length > 0, 'it warns');
  assert.deepEqual(warnings, ["the instance name 'host' is held by another connection; trying again"]);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
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

test('a network that swallows how the name is taken again holds up no stop', async (t) => {
  const { url: platformUrl, database } = await createTestDatabase(t);
  const url = new URL(platformUrl);
  url.searchParams.delete('host');
  const network = await startSwallowing(t, {
    port: Number(url.port),
    from: 'pg_try_advisory_lock',
    times: 2,
  });
  url.host = `127.0.0.1:${network.port}`;
  const name = await takeInstanceName({
    ...{ system: 'shop', parts: ['orders'], wanted: 'host', platformUrl: url.href },
  });
  await database.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'banyan instance' and datname = current_database()`;
  await network.swallowed;
  await name.release();
});

/** Passes everything on until a client has sent `from` for the nth time, and from then on nothing of that connection. */
async function startSwallowing(
  t: TestContext,
  { port, from, times }: { readonly port: number; readonly from: string; readonly times: number },
) {
  const swallowed = Promise.withResolvers<void>();
  let seen = 0;
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port });
    lastFirst(t).after(() => void [client.destroy(), upstream.destroy()]);
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    upstream.on('data', (bytes) => client.write(bytes)).on('close', () => client.destroy());
    let isSwallowing = false;
    client.on('close', () => upstream.destroy());
    client.on('data', (bytes) => {
      if (bytes.includes(from)) seen += 1;
      isSwallowing ||= seen >= times;
      if (isSwallowing) swallowed.resolve();
      else upstream.write(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  lastFirst(t).after(() => void server.close());
  return { port: (server.address() as AddressInfo).port, swallowed: swallowed.promise };
}

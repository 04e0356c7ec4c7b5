import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDatabase } from '@banyan/postgres';
import { lastFirst } from '@banyan/testing';
// What the console and the terminal show is asked here without a console.
import { audit } from '../src/commands/audit.ts';
import { events } from '../src/commands/events.ts';
import { createMessageOperations } from '../src/console/message-operations.ts';
import { createSagaOperations } from '../src/console/saga-operations.ts';
import { createStreamOperations } from '../src/console/stream-operations.ts';
import { provisioned } from './fixtures/two-stores/provisioned.ts';

test('lists over all services name the one whose database is away, and show the others', async (t) => {
  const { ports, migrate, adminUrl, urls, terminal, input, output } = await provisioned(t);
  for (const name of ['left', 'right']) await migrate(name);
  const { sql } = (await ports.open('left')).database;
  await sql`
    insert into banyan.event (stream, revision, version, type, data) values ('one', 0, 1, 'Counted', '{}')`;
  const admin = createDatabase({ url: adminUrl });
  lastFirst(t).after(() => admin.close());
  const right = new URL(urls.serviceUrls['right'] ?? '').pathname.slice(1);
  await admin.sql`alter database ${admin.sql.identifier(right)} allow_connections false`;
  const asker = { by: 'ann', signal: new AbortController().signal };
  const open = async () => ports;
  const messages = createMessageOperations(open, ports.system.services);
  const streams = createStreamOperations(open);
  const leftOut = [{ service: 'right', reason: 'database_unavailable' }];

  const found = await streams.listStreams({}, asker);
  assert.deepEqual(
    found.streams.map(({ service, streamId }) => [service, streamId]),
    [['left', 'one']],
  );
  assert.deepEqual(found.leftOut, leftOut);
  const outboxes = await messages.listOutboxes({}, asker);
  assert.deepEqual(
    outboxes.outboxes.map(({ service }) => service),
    ['left'],
  );
  assert.deepEqual(outboxes.leftOut, leftOut);
  assert.deepEqual(await messages.listDeadLetters({}, asker), { deadLetters: [], totals: {}, leftOut });
  assert.deepEqual(await messages.listConsumers({}, asker), { consumers: [], leftOut });
  assert.deepEqual(await createSagaOperations(open).listSagas({}, asker), { sagas: [], leftOut });
  // Topics are known from the contracts.
  assert.equal((await messages.listTopics({}, asker)).topics.length, 2);
  // Whoever asks for that service alone is told why.
  await assert.rejects(streams.listStreams({ service: 'right' }, asker), { reason: 'database_unavailable' });

  assert.equal(await events.run({ ...input, positionals: ['status'] }, terminal), 1);
  assert.match(output(), /left +on time/);
  assert.match(output(), /1 service could not be asked: right \(database_unavailable\)/);
  assert.equal(await audit.run({ ...input, positionals: ['ls'] }, terminal), 1);
  assert.equal(output().split('could not be asked').length, 3);
  await assert.rejects(audit.run({ ...input, positionals: ['ls', 'nobody'] }, terminal), {
    reason: 'no_service',
  });
});

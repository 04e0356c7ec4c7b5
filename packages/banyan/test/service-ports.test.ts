import assert from 'node:assert/strict';
import { test } from 'node:test';
import { provisioned } from './fixtures/two-stores/provisioned.ts';

test('a service that could not be opened is opened by whoever asks once it can be', async (t) => {
  const { ports, migrate } = await provisioned(t);
  await assert.rejects(ports.open('left'), { reason: 'migration_pending' });
  await migrate('left');
  assert.equal((await ports.open('left')).service.name, 'left');
  assert.equal((await ports.open('left')).database, (await ports.open('left')).database);
});

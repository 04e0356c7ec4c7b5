import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuidv7 } from '@banyan/core';
import { describeClaimStore } from '@banyan/events/testing';
import { createPostgresClaimStore } from '@banyan/postgres';
import { createPlatformDatabase, createScope } from '../events/events-databases.ts';

describeClaimStore('PostgreSQL', async () => {
  const scope = createScope();
  const { database } = await createPlatformDatabase(scope);
  return {
    claims: createPostgresClaimStore(database),
    other: createPostgresClaimStore(database),
    close: scope.close,
  };
});

test('texts whose time is over go as new ones come', async (t) => {
  const { database } = await createPlatformDatabase(t);
  const claims = createPostgresClaimStore(database);
  for (let count = 0; count < 50; count += 1) await claims.put({ id: uuidv7(), text: '1', keepMs: 0 });
  await claims.put({ id: uuidv7(), text: '2', keepMs: 60_000 });
  const [row] = await database.sql<{ count: number }>`select count(*)::int4 as count from banyan.claim`;
  // The one that is kept, and at most the last one that was put before it.
  assert.ok((row?.count ?? 0) <= 2, String(row?.count));
});

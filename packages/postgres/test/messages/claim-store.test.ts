import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuidv7 } from '@banyan/core';
import { createPostgresClaimStore } from '@banyan/postgres';
import { createPlatformDatabase } from '../events/events-databases.ts';

test('a text is kept as it was, for as long as was asked, and then for nobody', async (t) => {
  const { database } = await createPlatformDatabase(t);
  const claims = createPostgresClaimStore(database);
  const [kept, over] = [uuidv7(), uuidv7()];
  const text = JSON.stringify({ words: 'é\u0000"'.repeat(100_000) });
  await claims.put({ id: kept, text, keepMs: 60_000 });
  await claims.put({ id: over, text: '1', keepMs: 0 });
  assert.equal(await claims.get(kept), text);
  assert.equal(await claims.get(over), undefined);
  assert.equal(await claims.get(uuidv7()), undefined);
});

test('putting again changes nothing but may keep it longer', async (t) => {
  const { database } = await createPlatformDatabase(t);
  const claims = createPostgresClaimStore(database);
  const id = uuidv7();
  await claims.put({ id, text: '"first"', keepMs: 0 });
  await claims.put({ id, text: '"first"', keepMs: 60_000 });
  await claims.put({ id, text: '"first"', keepMs: 0 });
  assert.equal(await claims.get(id), '"first"');
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

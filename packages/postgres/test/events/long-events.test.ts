import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEvent, decodeEvent, maxEventBytes } from '@banyan/events';
import { createPostgresInbox } from '@banyan/postgres';
import { arrivalOf } from './arrivals.ts';
import { createServiceDatabase } from './events-databases.ts';

test('an event that another program wrote shorter than we would is stored whole, and holds nothing up', async (t) => {
  const { database } = await createServiceDatabase(t);
  const inbox = createPostgresInbox(database);
  const empty = createEvent({
    service: 'orders',
    name: 'placed',
    type: 'Placed',
    key: 'a',
    data: [],
    occurredAtMs: 0,
  });
  // 1e20 takes 4 bytes, and 21 when it is written by `JSON.stringify`.
  const numbers = Array.from({ length: 40_000 }, () => '1e20');
  const text = JSON.stringify(empty).replace('"data":[]', `"data":[${numbers.join()}]`);
  assert.ok(text.length < maxEventBytes);
  const event = decodeEvent(text);
  assert.ok(JSON.stringify(event).length > maxEventBytes);
  await inbox.ingest(await arrivalOf(inbox, [event]));
  const [claim] = await inbox.claim({ owner: 'only', limit: 1, leaseMs: 60_000 });
  assert.deepEqual(claim?.event, event);
});

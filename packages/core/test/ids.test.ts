import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuidv7 } from '@banyan/core';

test('ids made later sort later, within a millisecond and while the system clock goes back', () => {
  const startMs = Date.now() + 1_000;
  // More than the counter of one millisecond holds.
  const ids = Array.from({ length: 10_000 }, (_, index) => uuidv7(startMs - (index % 7)));
  assert.deepEqual(ids, [...new Set(ids)].sort());
  for (const id of ids)
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('an id begins with its time', () => {
  const nowMs = Date.now() + 100_000;
  assert.equal(Number.parseInt(uuidv7(nowMs).replace('-', '').slice(0, 12), 16), nowMs);
});

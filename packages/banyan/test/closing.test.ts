import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClosing } from '../src/closing.ts';

test('everything is closed, last first, also behind a step that fails and one that hangs', async () => {
  const closed: string[] = [];
  const failures: string[] = [];
  const closing = createClosing({ onFailure: (error) => failures.push(String(error)), timeoutMs: 20 });
  closing.push(async () => void closed.push('first'));
  closing.push(() => new Promise(() => {}));
  closing.push(() => Promise.reject(new Error('broken')));
  closing.push(async () => void closed.push('last'));
  await closing.close();
  assert.deepEqual(closed, ['last', 'first']);
  assert.equal(failures.length, 2);
  assert.match(failures[0] ?? '', /broken/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDocumentView, createMemoryDocuments } from '@banyan/config';
import { createMemoryDocumentStore, describeRuntimeDocuments } from '@banyan/config/testing';
import { silentLogger } from '@banyan/core';

describeRuntimeDocuments('memory', {
  async create() {
    const store = createMemoryDocumentStore();
    return {
      open: async () => store.open(),
      setReachable: async (isReachable) => store.setReachable(isReachable),
      close: async () => {},
    };
  },
});

const initial = { weight: 0 };

function parse(value: unknown): { readonly weight: number } {
  const { weight } = value as { readonly weight?: unknown };
  if (typeof weight !== 'number') throw new TypeError('weight must be a number');
  return { weight };
}

test('a view holds the newest version that could be understood, and says which one it could not', async (t) => {
  const documents = createMemoryDocuments();
  const put = (expectedVersion: number, value: unknown) =>
    documents.put('traffic', { value, expectedVersion, by: 'ada', why: 'test' });
  const view = createDocumentView({ documents, name: 'traffic', parse, initial, logger: silentLogger });
  t.after(() => view.close());
  await view.ready();
  const heard: number[] = [];
  view.onChange(({ weight }) => heard.push(weight));
  assert.equal(view.value(), initial);
  assert.deepEqual(view.standing(), { version: 0, staleMs: 0 });

  await put(0, { weight: 5 });
  assert.deepEqual(view.value(), { weight: 5 });
  await put(1, { weight: 'much' });
  assert.deepEqual(view.value(), { weight: 5 });
  const refused = { version: 2, reason: 'weight must be a number' };
  assert.deepEqual(view.standing(), { version: 1, staleMs: 0, refused });
  await put(2, { weight: 7 });
  assert.deepEqual(view.standing(), { version: 3, staleMs: 0 });
  assert.deepEqual(heard, [5, 7]);

  const late = createDocumentView({ documents, name: 'traffic', parse, initial, logger: silentLogger });
  assert.deepEqual(late.value(), { weight: 7 });
  late.close();
  await put(3, { weight: 9 });
  assert.deepEqual([late.value(), view.value()], [{ weight: 7 }, { weight: 9 }]);
});

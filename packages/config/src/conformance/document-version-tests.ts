import assert from 'node:assert/strict';
import { test } from 'node:test';
import { change, type DocumentBench } from './document-bench.ts';

export function describeDocumentVersions(bench: DocumentBench): void {
  test('a document that nobody has written is none, has no history, and begins with version 1', async () => {
    const documents = await bench.open();
    assert.equal(await documents.get('traffic'), undefined);
    assert.deepEqual(await documents.history('traffic'), []);
    const put = await documents.put('traffic', {
      value: { weight: 5 },
      expectedVersion: 0,
      by: 'ada',
      why: 'try',
    });
    const { at, ...rest } = put;
    assert.deepEqual(rest, { name: 'traffic', version: 1, value: { weight: 5 }, by: 'ada', why: 'try' });
    assert.match(at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual(await documents.get('traffic'), put);
    assert.equal(await documents.get('other'), undefined);
  });

  test('every JSON value comes back as it was written, another process reads it too', async () => {
    const [writer, reader] = [await bench.open(), await bench.open()];
    const values = [
      null,
      false,
      0,
      -1.5e-7,
      '',
      'ä𝄞\u0000\ud800',
      [],
      [[null]],
      { b: 1, a: { '': [] }, __: 'x' },
    ];
    for (const [version, value] of values.entries()) {
      await writer.put('values', change(version, value));
      assert.deepEqual((await reader.get('values'))?.value, value);
    }
    assert.deepEqual(
      (await reader.history('values')).map(({ value }) => value),
      values.toReversed(),
    );
  });

  test('the history has who and why of each version, newest first, at most as many as asked for', async () => {
    const documents = await bench.open();
    await documents.put('traffic', { value: 1, expectedVersion: 0, by: 'ada', why: 'begin' });
    await documents.put('traffic', { value: 2, expectedVersion: 1, by: 'bob', why: 'more' });
    await documents.put('traffic', { value: 1, expectedVersion: 2, by: 'ada', why: 'back' });
    await documents.put('other', change(0, 'unrelated'));
    const lines = async (limit?: number) =>
      (await documents.history('traffic', limit)).map(({ version, value, by, why }) => [
        version,
        value,
        by,
        why,
      ]);
    const all = [
      [3, 1, 'ada', 'back'],
      [2, 2, 'bob', 'more'],
      [1, 1, 'ada', 'begin'],
    ];
    assert.deepEqual(await lines(), all);
    assert.deepEqual(await lines(2), all.slice(0, 2));
  });

  test('of writers with the same expected version exactly one succeeds, and the others are told', async () => {
    const [one, other] = [await bench.open(), await bench.open()];
    for (const expectedVersion of [0, 1, 2]) {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, async (_, writer) => {
          const handle = writer % 2 === 0 ? one : other;
          return handle.put('traffic', change(expectedVersion, { writer }));
        }),
      );
      const winners = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      assert.equal(winners.length, 1);
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') continue;
        const { code, reason, details } = outcome.reason;
        const refusal = {
          code: 'aborted',
          reason: 'document_changed',
          details: { version: expectedVersion + 1 },
        };
        assert.deepEqual({ code, reason, details }, refusal);
      }
      assert.deepEqual(await one.get('traffic'), winners[0]);
    }
    assert.equal((await other.history('traffic')).length, 3);
  });

  test('a change from a version that is not the newest is refused, also from one that is not there yet', async () => {
    const documents = await bench.open();
    await documents.put('traffic', change(0, 'first'));
    await documents.put('traffic', change(1, 'second'));
    for (const version of [0, 1, 3, 9]) {
      await assert.rejects(documents.put('traffic', change(version, 'no')), { reason: 'document_changed' });
    }
    assert.equal((await documents.get('traffic'))?.value, 'second');
  });

  test('what is no document is refused, and changes nothing', async () => {
    const documents = await bench.open();
    const good = change(0, {});
    const bad = [
      { ...good, by: '' },
      { ...good, by: 'a'.repeat(201) },
      { ...good, why: ' ' },
      { ...good, why: 'two\nlines' },
      { ...good, value: undefined },
      { ...good, value: 1n },
      { ...good, value: 'a'.repeat(1_048_576) },
      { ...good, expectedVersion: -1 },
      { ...good, expectedVersion: 0.5 },
    ];
    const refusal = { code: 'invalid_argument', reason: 'invalid_document' };
    for (const each of bad) await assert.rejects(documents.put('traffic', each), refusal);
    for (const name of ['', 'Traffic', 'a b', '/a', 'a/', 'a//b', 'a'.repeat(101)]) {
      await assert.rejects(documents.put(name, good), refusal);
      assert.throws(() => documents.watch(name), refusal);
    }
    for (const limit of [0, 1_001, 1.5]) await assert.rejects(documents.history('traffic', limit), refusal);
    assert.equal(await documents.get('traffic'), undefined);
  });

  test('documents outlive every handle that has written them', async () => {
    const first = await bench.open();
    const put = await first.put('traffic', change(0, { kept: true }));
    await first.close();
    const second = await bench.open();
    assert.deepEqual(await second.get('traffic'), put);
    const watch = second.watch('traffic');
    await watch.ready();
    assert.deepEqual(watch.current(), put);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RuntimeDocument } from '../documents/runtime-documents.ts';
import { change, type DocumentBench } from './document-bench.ts';

export function describeDocumentWatches(bench: DocumentBench): void {
  test('a watch knows the newest version once it is ready, or that there is none', async () => {
    const documents = await bench.open();
    await documents.put('traffic', change(0, 'first'));
    const newest = await documents.put('traffic', change(1, 'second'));
    const other = await bench.open();
    const [watch, none] = [other.watch('traffic'), other.watch('none')];
    await Promise.all([watch.ready(), none.ready()]);
    assert.deepEqual(watch.current(), newest);
    assert.equal(none.current(), undefined);
    assert.equal(watch.name, 'traffic');
    for (const each of [watch, none]) assert.ok(each.staleMs() < 5_000);
  });

  test('whoever changes a document sees it at once, every other process within five seconds', async () => {
    const [writer, reader] = [await bench.open(), await bench.open()];
    const [own, foreign, unrelated] = [
      writer.watch('traffic'),
      reader.watch('traffic'),
      reader.watch('other'),
    ];
    await Promise.all([own.ready(), foreign.ready(), unrelated.ready()]);
    for (let version = 1; version <= 5; version += 1) {
      const put = await writer.put('traffic', change(version - 1, { version }));
      assert.deepEqual(own.current(), put);
      await bench.until(`version ${version} elsewhere`, () => foreign.current()?.version === version);
      assert.deepEqual(foreign.current(), put);
    }
    assert.equal(unrelated.current(), undefined);
  });

  test('listeners hear of newer versions in their order, until they stop listening', async () => {
    const [writer, reader] = [await bench.open(), await bench.open()];
    const watch = reader.watch('traffic');
    await watch.ready();
    const heard: number[] = [];
    const heardByOther: RuntimeDocument[] = [];
    const stop = watch.onChange(({ version }) => heard.push(version));
    watch.onChange((document) => heardByOther.push(document));
    await writer.put('traffic', change(0, 'one'));
    await bench.until('version 1', () => heardByOther.length === 1);
    stop();
    stop();
    for (const version of [1, 2, 3]) await writer.put('traffic', change(version, 'more'));
    await bench.until('version 4', () => heardByOther.at(-1)?.version === 4);
    assert.deepEqual(heard, [1]);
    const versions = heardByOther.map(({ version }) => version);
    assert.deepEqual(versions, [...new Set(versions)].sort());
    assert.deepEqual(heardByOther.at(-1), await writer.get('traffic'));
  });

  test('a closed watch hears nothing more and stays readable, others of its document go on', async () => {
    const documents = await bench.open();
    const [closing, staying] = [documents.watch('traffic'), documents.watch('traffic')];
    await Promise.all([closing.ready(), staying.ready()]);
    const first = await documents.put('traffic', change(0, 'first'));
    let news = 0;
    closing.onChange(() => {
      news += 1;
    });
    closing.close();
    closing.close();
    await documents.put('traffic', change(1, 'second'));
    assert.equal(staying.current()?.version, 2);
    assert.equal(news, 0);
    assert.ok((closing.current()?.version ?? 0) >= first.version);
  });

  test('while the store is away the last known version stays in force, its age shows, and changes are refused', async () => {
    const [writer, reader] = [await bench.open(), await bench.open()];
    const watch = reader.watch('traffic');
    await watch.ready();
    const known = await writer.put('traffic', change(0, 'known'));
    await bench.until('version 1', () => watch.current()?.version === 1);
    await bench.harness.setReachable(false);
    const away = { code: 'unavailable', reason: 'documents_unavailable' };
    await assert.rejects(writer.put('traffic', change(1, 'lost')), away);
    await assert.rejects(reader.get('traffic'), away);
    await assert.rejects(reader.history('traffic'), away);
    const ageMs = watch.staleMs();
    await bench.until('a growing age', () => watch.staleMs() >= ageMs + 50);
    assert.deepEqual(watch.current(), known);
  });

  test('a store that comes back is caught up with, and taken up by watches that began without it', async () => {
    const [writer, reader] = [await bench.open(), await bench.open()];
    const watch = reader.watch('traffic');
    await watch.ready();
    await writer.put('traffic', change(0, 'before'));
    await bench.until('version 1', () => watch.current()?.version === 1);
    await bench.harness.setReachable(false);
    const late = (await bench.open()).watch('traffic');
    assert.equal(late.current(), undefined);
    assert.equal(late.staleMs(), Number.POSITIVE_INFINITY);
    await bench.harness.setReachable(true);
    await late.ready();
    assert.equal(late.current()?.value, 'before');
    await writer.put('traffic', change(1, 'after'));
    await bench.until('version 2', () => watch.current()?.version === 2 && late.current()?.version === 2);
    await bench.until('no age', () => watch.staleMs() < 2_000);
  });

  test('a closed handle refuses, and its watches stay readable', async () => {
    const documents = await bench.open();
    const watch = documents.watch('traffic');
    await watch.ready();
    const put = await documents.put('traffic', change(0, 'last'));
    await documents.close();
    await documents.close();
    const closed = { code: 'failed_precondition', reason: 'documents_closed' };
    await assert.rejects(documents.get('traffic'), closed);
    await assert.rejects(documents.put('traffic', change(1, 'no')), closed);
    await assert.rejects(documents.history('traffic'), closed);
    assert.throws(() => documents.watch('traffic'), closed);
    assert.deepEqual(watch.current(), put);
  });

  test('a watch that is closed before the store could be read is not ready', async () => {
    await bench.harness.setReachable(false);
    const watch = (await bench.open()).watch('traffic');
    const ready = watch.ready();
    watch.close();
    await assert.rejects(ready, { reason: 'documents_closed' });
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Instance } from '../instance.ts';
import { type Bench, instanceOf, listedIds } from './bench.ts';

export function describeListing(bench: Bench): void {
  test('a registered instance is listed with every field', async () => {
    const registry = await bench.open();
    const orders = instanceOf('orders', { metadata: { zone: 'a', empty: 'no' } });
    const registration = await registry.register(orders);
    assert.deepEqual(registration.instance, orders);
    const [status] = await registry.list();
    assert.deepEqual(status?.instance, orders);
  });

  test('the list is ordered by service, then start, then id', async () => {
    const registry = await bench.open();
    const startedAt = '2026-02-01T00:00:00.000Z';
    const later = instanceOf('orders', { startedAt: '2026-02-02T00:00:00.000Z' });
    const second = instanceOf('orders', { startedAt, id: 'b' });
    const first = instanceOf('orders', { startedAt, id: 'a' });
    const audits = instanceOf('audits', { startedAt: '2026-03-01T00:00:00.000Z' });
    for (const instance of [later, second, audits, first]) await registry.register(instance);
    assert.deepEqual(await listedIds(registry), [audits.id, 'a', 'b', later.id]);
  });

  test('a deregistered instance is listed no more, also when told twice', async () => {
    const registry = await bench.open();
    const registration = await registry.register(instanceOf('orders'));
    const stays = await registry.register(instanceOf('orders'));
    await Promise.all([registration.deregister(), registration.deregister()]);
    await registration.deregister();
    assert.deepEqual(await listedIds(registry), [stays.instance.id]);
  });

  test('registering an id again replaces the entry, and the old registration cannot remove it', async () => {
    const registry = await bench.open();
    const first = instanceOf('orders');
    const old = await registry.register(first);
    const moved = { ...first, url: 'http://127.0.0.1:65000' };
    await registry.register(moved);
    await old.deregister();
    assert.deepEqual(
      (await registry.list()).map((status) => status.instance.url),
      ['http://127.0.0.1:65000'],
    );
  });

  test('a malformed instance is refused with a TypeError and not listed', async () => {
    const registry = await bench.open();
    const wrong: readonly Partial<Record<keyof Instance, unknown>>[] = [
      { url: 'http://127.0.0.1' },
      { url: 'http://127.0.0.1:80/path' },
      { url: 'ftp://127.0.0.1:80' },
      { id: '' },
      { service: 7 },
      { startedAt: 'yesterday' },
      { metadata: { zone: 1 } },
    ];
    for (const fields of wrong) {
      const instance = { ...instanceOf('orders'), ...fields } as Instance;
      await assert.rejects(registry.register(instance), TypeError, JSON.stringify(fields));
    }
    assert.deepEqual(await listedIds(registry), []);
  });

  test('hostile text in names and metadata comes back as it was', async () => {
    const registry = await bench.open();
    const hostile = `'; drop table instances; -- \\ " % 😀 ${'x'.repeat(200)}`;
    const instance = instanceOf(hostile, { metadata: { hostile } });
    await registry.register(instance);
    const watch = registry.watch(hostile);
    await watch.ready();
    assert.deepEqual(watch.instances(), [instance]);
  });
}

export function describeClosing(bench: Bench): void {
  test('closing is idempotent, and a closed handle refuses further use', async () => {
    const registry = await bench.open();
    await registry.register(instanceOf('orders'));
    await Promise.all([registry.close(), registry.close()]);
    await registry.close();
    const closed = { code: 'failed_precondition', reason: 'registry_closed' };
    await assert.rejects(registry.register(instanceOf('orders')), closed);
    await assert.rejects(registry.list(), closed);
    assert.throws(() => registry.watch('orders'), closed);
  });
}

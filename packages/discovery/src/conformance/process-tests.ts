import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bench, idsOf, instanceOf, listedIds } from './bench.ts';

export function describeSharing(bench: Bench): void {
  test('an instance registered by one process is seen and watched by another', async () => {
    const [holder, caller] = [await bench.open(), await bench.open()];
    const watch = caller.watch('orders');
    await watch.ready();
    const registration = await holder.register(instanceOf('orders'));
    assert.deepEqual(await listedIds(caller), [registration.instance.id]);
    await bench.until('the instance', () => watch.instances().length === 1);
    assert.deepEqual(watch.instances(), [registration.instance]);
    await registration.deregister();
    await bench.until('its end', () => watch.instances().length === 0);
  });

  test('closing a handle takes its instances off the list and leaves those of others', async () => {
    const [leaving, staying] = [await bench.open(), await bench.open()];
    await leaving.register(instanceOf('orders'));
    const { instance } = await staying.register(instanceOf('orders'));
    const watch = staying.watch('orders');
    await bench.until('both', () => watch.instances().length === 2);
    await leaving.close();
    await bench.until('one', () => watch.instances().length === 1);
    assert.deepEqual(await listedIds(staying), [instance.id]);
  });

  test('watches of a closed handle keep what they saw last', async () => {
    const [leaving, staying] = [await bench.open(), await bench.open()];
    const { instance } = await staying.register(instanceOf('orders'));
    const watch = leaving.watch('orders');
    await bench.until('the instance', () => watch.instances().length === 1);
    await leaving.close();
    assert.deepEqual(watch.instances(), [instance]);
  });
}

export function describeLeases(bench: Bench): void {
  test('an instance whose process was killed vanishes within the staleness bound', async () => {
    const [killed, staying] = [await bench.open(), await bench.open()];
    await killed.register(instanceOf('orders'));
    const { instance } = await staying.register(instanceOf('orders'));
    const watch = staying.watch('orders');
    await bench.until('both', () => watch.instances().length === 2);
    await bench.crash(killed);
    await bench.until('the end of the killed', () => watch.instances().length === 1, staying.staleAfterMs);
    assert.deepEqual(watch.instances(), [instance]);
    assert.deepEqual(await listedIds(staying), [instance.id]);
  });

  test('a living instance outlasts many leases', async () => {
    const registry = await bench.open();
    const { instance } = await registry.register(instanceOf('orders'));
    const watch = registry.watch('orders');
    let changes = 0;
    await watch.ready();
    watch.onChange(() => {
      changes += 1;
    });
    await bench.pass(registry.staleAfterMs * 3);
    assert.equal(changes, 0);
    const [status] = await registry.list();
    assert.equal(status?.instance.id, instance.id);
    assert.ok(Date.parse(status?.expiresAt ?? '') > 0, 'a lease has an end');
  });
}

export function describeOutages(bench: Bench): void {
  const unavailable = { code: 'unavailable', reason: 'registry_unavailable' };

  test('the cached list stays in use while the registry is away, longer than any lease', async () => {
    const registry = await bench.open();
    const { instance } = await registry.register(instanceOf('orders'));
    const watch = registry.watch('orders');
    await bench.until('the instance', () => watch.instances().length === 1);
    await bench.setReachable(false);
    await assert.rejects(registry.list(), unavailable);
    await assert.rejects(registry.register(instanceOf('orders')), unavailable);
    await bench.pass(registry.staleAfterMs * 2);
    assert.deepEqual(watch.instances(), [instance]);
  });

  test('after the outage instances are listed again and watches catch up', async () => {
    const registry = await bench.open();
    const { instance } = await registry.register(instanceOf('orders'));
    const leaving = await registry.register(instanceOf('orders'));
    const watch = registry.watch('orders');
    await bench.until('both', () => watch.instances().length === 2);
    await bench.setReachable(false);
    await bench.pass(registry.staleAfterMs);
    await leaving.deregister();
    await bench.setReachable(true);
    const extraMs = registry.staleAfterMs * 2;
    await bench.until(
      'the one that lives',
      async () => (await listedIds(registry)).join() === instance.id,
      extraMs,
    );
    await bench.until('the list', () => idsOf(watch.instances()).join() === instance.id, extraMs);
  });

  test('a watch opened during an outage becomes ready after it', async () => {
    const registry = await bench.open();
    await registry.register(instanceOf('orders'));
    await bench.setReachable(false);
    const watch = registry.watch('orders');
    let ready = false;
    const waiting = watch.ready().then(() => {
      ready = true;
    });
    await bench.pass(50);
    assert.deepEqual([ready, watch.instances()], [false, []]);
    await bench.setReachable(true);
    await bench.until('the watch', () => ready, registry.staleAfterMs * 2);
    await waiting;
    assert.equal(watch.instances().length, 1);
  });

  test('a watch closed before it was ready says so', async () => {
    const registry = await bench.open();
    await bench.setReachable(false);
    const watch = registry.watch('orders');
    const waiting = assert.rejects(watch.ready(), { reason: 'registry_closed' });
    watch.close();
    await waiting;
    await assert.rejects(watch.ready(), { reason: 'registry_closed' });
  });
}

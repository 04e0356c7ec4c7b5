import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Instance } from '../instance.ts';
import { type Bench, idsOf, instanceOf } from './bench.ts';

export function describeWatches(bench: Bench): void {
  test('a watch is ready with an empty list for a service that nobody registered', async () => {
    const watch = (await bench.open()).watch('nobody');
    await watch.ready();
    assert.equal(watch.service, 'nobody');
    assert.deepEqual(watch.instances(), []);
  });

  test('a watch follows its own service and no other', async () => {
    const registry = await bench.open();
    const watch = registry.watch('orders');
    const first = await registry.register(instanceOf('orders'));
    await registry.register(instanceOf('payments'));
    const second = await registry.register(instanceOf('orders'));
    await bench.until('both instances', () => watch.instances().length === 2);
    assert.deepEqual(idsOf(watch.instances()), [first.instance.id, second.instance.id]);
    await first.deregister();
    await bench.until('one instance', () => watch.instances().length === 1);
    assert.deepEqual(watch.instances(), [second.instance]);
  });

  test('the list is the same array until something changes, and cannot be written', async () => {
    const registry = await bench.open();
    await registry.register(instanceOf('orders'));
    const watch = registry.watch('orders');
    await watch.ready();
    const before = watch.instances();
    await bench.pass(100);
    assert.equal(watch.instances(), before);
    assert.throws(() => (before as Instance[]).pop(), TypeError);
    await registry.register(instanceOf('orders'));
    await bench.until('the second instance', () => watch.instances().length === 2);
    assert.equal(before.length, 1);
  });

  test('listeners hear of changes with the new list, until they stop listening', async () => {
    const registry = await bench.open();
    const watch = registry.watch('orders');
    await watch.ready();
    const heard: (readonly Instance[])[] = [];
    const heardByOther: (readonly Instance[])[] = [];
    const stop = watch.onChange((instances) => heard.push(instances));
    watch.onChange((instances) => heardByOther.push(instances));
    const { instance } = await registry.register(instanceOf('orders'));
    await bench.until('the first news', () => heard.length > 0 && heardByOther.length > 0);
    assert.deepEqual(heard.at(-1), [instance]);
    stop();
    stop();
    const heardBefore = heard.length;
    await registry.register(instanceOf('orders'));
    await bench.until('the second news', () => heardByOther.at(-1)?.length === 2);
    assert.equal(heard.length, heardBefore);
  });

  test('a closed watch hears nothing more and stays readable, while others of its service go on', async () => {
    const registry = await bench.open();
    const [closing, staying] = [registry.watch('orders'), registry.watch('orders')];
    await Promise.all([closing.ready(), staying.ready()]);
    let calls = 0;
    closing.onChange(() => {
      calls += 1;
    });
    closing.close();
    closing.close();
    await registry.register(instanceOf('orders'));
    await bench.until('the instance', () => staying.instances().length === 1);
    assert.equal(calls, 0);
    assert.ok(Array.isArray(closing.instances()));
  });

  test('a burst of registrations and deregistrations ends in the right list', async () => {
    const registry = await bench.open();
    const watch = registry.watch('orders');
    let last: readonly Instance[] = [];
    watch.onChange((instances) => {
      last = instances;
    });
    const registrations = await Promise.all(
      Array.from({ length: 20 }, () => registry.register(instanceOf('orders'))),
    );
    await Promise.all(registrations.slice(0, 15).map((registration) => registration.deregister()));
    const expected = registrations.slice(15).map((registration) => registration.instance.id);
    await bench.until('the last five', () => idsOf(last).join() === expected.join());
    assert.deepEqual(idsOf(watch.instances()), expected);
  });
}

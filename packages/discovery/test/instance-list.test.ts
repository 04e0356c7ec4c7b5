import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { createMemoryRegistry, type Instance, parseInstance } from '@banyan/discovery';
import fc from 'fast-check';

const orders: Instance = {
  id: 'one',
  service: 'orders',
  url: 'http://127.0.0.1:1',
  version: '1.0.0',
  startedAt: '2026-01-01T00:00:00.000Z',
};

test('a listener that changes the registry hears of its own change in a later call', async () => {
  const registry = createMemoryRegistry();
  const watch = registry.watch('orders');
  const depths: number[] = [];
  let depth = 0;
  const settled = new Promise<void>((resolve) => {
    watch.onChange((instances) => {
      depth += 1;
      depths.push(depth);
      if (instances.length === 1) registry.register({ ...orders, id: 'two' }).catch(assert.fail);
      else resolve();
      depth -= 1;
    });
  });
  await registry.register(orders);
  await settled;
  assert.deepEqual(depths, [1, 1]);
});

test('what a listener throws is an uncaught exception, after the other listeners were told', () => {
  const program = `
    import { createMemoryRegistry } from '@banyan/discovery';
    const registry = createMemoryRegistry();
    const watch = registry.watch('orders');
    process.on('uncaughtException', (error) => process.stdout.write(error.message + ' caught'));
    watch.onChange(() => { throw new Error('first'); });
    watch.onChange(() => process.stdout.write('second told, '));
    await registry.register(${JSON.stringify(orders)});`;
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  assert.equal(child.stdout, 'second told, first caught', child.stderr);
});

test('an instance is copied: later changes by its owner do not reach the list', async () => {
  const registry = createMemoryRegistry();
  const mutable = { ...orders, metadata: { zone: 'a' } };
  await registry.register(mutable);
  mutable.url = 'http://evil:1';
  mutable.metadata.zone = 'b';
  const [listed] = registry.watch('orders').instances();
  assert.equal(listed?.url, orders.url);
  assert.equal(listed?.metadata?.['zone'], 'a');
});

test('any value is either an instance or refused with a TypeError', () => {
  const almost = fc
    .tuple(fc.constantFrom(...Object.keys(orders), 'metadata'), fc.anything())
    .map(([field, value]) => ({ ...orders, [field]: value }));
  fc.assert(
    fc.property(fc.oneof(fc.anything(), almost), (value) => {
      try {
        assert.ok(Object.isFrozen(parseInstance(value)));
      } catch (error) {
        assert.ok(error instanceof TypeError, String(error));
      }
    }),
  );
});

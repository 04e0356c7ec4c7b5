import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@banyan/core';
import { createStaticRegistry } from '@banyan/discovery';
import fc from 'fast-check';

const own = {
  id: '0198b9a0-0000-7000-8000-000000000000',
  service: 'orders',
  url: 'http://127.0.0.1:9',
  version: '1.0.0',
  startedAt: '2026-01-01T00:00:00.000Z',
};

test('each service has the addresses that the text gives it', async () => {
  const registry = createStaticRegistry('static: orders = http://a:1, http://b:2 ;payments=http://[::1]:3;');
  const orders = registry.watch('orders');
  await orders.ready();
  assert.deepEqual(
    orders.instances().map((instance) => instance.url),
    ['http://a:1', 'http://b:2'],
  );
  assert.deepEqual(
    registry
      .watch('payments')
      .instances()
      .map((instance) => instance.url),
    ['http://[::1]:3'],
  );
  assert.deepEqual(registry.watch('printing').instances(), []);
  assert.deepEqual(
    (await registry.list()).map((status) => [status.instance.service, status.expiresAt]),
    [
      ['orders', undefined],
      ['orders', undefined],
      ['payments', undefined],
    ],
  );
});

test('registering changes nothing: the operator names the addresses', async () => {
  const registry = createStaticRegistry('static:orders=http://a:1');
  const registration = await registry.register(own);
  assert.equal((await registry.list()).length, 1);
  await registration.deregister();
  assert.deepEqual(
    registry
      .watch('orders')
      .instances()
      .map((instance) => instance.url),
    ['http://a:1'],
  );
  await registry.close();
  await assert.rejects(registry.list(), { reason: 'registry_closed' });
});

const mistakes: readonly (readonly [string, RegExp])[] = [
  ['consul://localhost', /starts with 'static:'/],
  ['static:', /names no service/],
  ['static:orders', /"orders" needs the form service=http:\/\/host:port/],
  ['static:orders=', /"" of 'orders' is no http:\/\/host:port/],
  ['static:=http://a:1', /"" is no service name/],
  ['static:or ders=http://a:1', /"or ders" is no service name/],
  ['static:orders=http://a', /"http:\/\/a" of 'orders'/],
  ['static:orders=http://a:1/path', /without path/],
  ['static:orders=http://user:pw@a:1', /without path and user/],
  ['static:orders=http://a:99999', /no http:\/\/host:port/],
  ['static:orders=http://a:1,http://a:1', /'orders' names http:\/\/a:1 twice; remove one/],
  ['static:orders=http://a:1=http://b:2', /needs the form/],
];

for (const [spec, expected] of mistakes) {
  test(`the mistake in ${JSON.stringify(spec)} is named together with the right form`, () => {
    assert.throws(
      () => createStaticRegistry(spec),
      (error) =>
        isServiceError(error) &&
        error.reason === 'invalid_static_registry' &&
        expected.test(error.message) &&
        error.message.includes('Write it as static:orders='),
    );
  });
}

test('any text either parses or is refused with invalid_static_registry', () => {
  const pieces = fc.constantFrom(
    'static:',
    'orders',
    '=',
    'http://',
    'a',
    ':',
    '1',
    ',',
    ';',
    '@',
    '/',
    ' ',
    '\n',
  );
  const texts = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 30 }).map((parts) => `static:${parts.join('')}`),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        createStaticRegistry(text);
      } catch (error) {
        assert.ok(isServiceError(error));
        assert.equal(error.reason, 'invalid_static_registry');
      }
    }),
  );
});

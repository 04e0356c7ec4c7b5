import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, operation } from '@banyan/contract';
import { expose, gateway } from '@banyan/gateway';
import { z } from 'zod';

const Empty = z.object({});
const accounts = contract('accounts', {
  version: '1.0.0',
  operations: {
    create: operation('POST /accounts', { input: Empty, output: Empty }),
    mine: operation('GET /accounts/me', { input: Empty, output: Empty }),
    keys: operation('GET /keys', { input: Empty, output: z.object({ keys: z.array(z.unknown()) }) }),
  },
});
const userTokens = { issuer: 'shop', audience: 'shop', keys: [accounts, 'keys'] } as const;

test('lists the exposed operations with their policies, and nothing else', () => {
  const edge = gateway({
    expose: [expose(accounts, { create: 'anyone', mine: { scope: 'accounts:read' } })],
    userTokens,
  });
  assert.deepEqual(edge.routes, [
    {
      method: 'POST',
      path: '/accounts',
      service: 'accounts',
      operation: 'create',
      version: '1.0.0',
      policy: 'anyone',
    },
    {
      method: 'GET',
      path: '/accounts/me',
      service: 'accounts',
      operation: 'mine',
      version: '1.0.0',
      policy: 'scope:accounts:read',
    },
  ]);
  assert.deepEqual(edge.uses, [accounts]);
});

test('uses the contract that answers the keys, exposed or not', () => {
  const edge = gateway({ expose: [], userTokens });
  assert.deepEqual(edge.uses, [accounts]);
  assert.deepEqual(edge.routes, []);
});

test('refuses an operation that the contract does not have, naming those it has', () => {
  // @ts-expect-error no such operation
  assert.throws(() => expose(accounts, { remove: 'user' }), {
    name: 'TypeError',
    message: /no operation 'remove'; it has create, mine, keys/,
  });
});

test('refuses a policy that is none', () => {
  for (const policy of ['everyone', '', null, {}, { scope: '' }, { scope: 'two words' }, 7]) {
    // @ts-expect-error not a policy
    assert.throws(() => expose(accounts, { mine: policy }), /'mine' has no valid policy/);
  }
});

test('refuses a route for users without a way to check their tokens', () => {
  assert.throws(() => gateway({ expose: [expose(accounts, { mine: 'user' })] }), /add 'userTokens'/);
  assert.throws(
    () => gateway({ expose: [expose(accounts, { mine: { scope: 'a' } })] }),
    /'accounts\.mine' wants a signed-in user/,
  );
});

test('refuses two operations on one route, also under other parameter names', () => {
  const one = contract('one', {
    version: '1.0.0',
    operations: {
      get: operation('GET /things/:id', { input: z.object({ id: z.string() }), output: Empty }),
    },
  });
  const two = contract('two', {
    version: '1.0.0',
    operations: {
      get: operation('GET /things/:name', { input: z.object({ name: z.string() }), output: Empty }),
    },
  });
  assert.throws(
    () => gateway({ expose: [expose(one, { get: 'anyone' }), expose(two, { get: 'anyone' })] }),
    /'two\.get' and 'one\.get' both want GET \/things\/:name; change one path/,
  );
});

test('refuses routes under the paths of the platform', () => {
  for (const path of ['/health', '/health/deep', '/openapi.json', '/docs', '/docs/more'] as const) {
    const taken = contract('taken', {
      version: '1.0.0',
      operations: { get: operation(`GET ${path}`, { input: Empty, output: Empty }) },
    });
    assert.throws(() => gateway({ expose: [expose(taken, { get: 'anyone' })] }), /belongs to the platform/);
  }
});

test('says everything that is wrong at once', () => {
  const error = thrownBy(() =>
    gateway({
      expose: [expose(accounts, { mine: 'user' }), expose(accounts, { mine: 'user' })],
      cors: { origins: ['*', 'https://shop.example/', 'shop.example', 'null'] },
      // @ts-expect-error no such limit
      limits: { maxJsonBytes: 0, maxBytes: 1 },
      site: new URL('https://shop.example/web/'),
    }),
  );
  assert.equal(error.message.split('\n').length, 1 + 1 + 1 + 4 + 2 + 1);
});

function thrownBy(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    assert(error instanceof TypeError);
    return error;
  }
  throw new assert.AssertionError({ message: 'did not throw' });
}

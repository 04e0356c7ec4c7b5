import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRouter } from '@banyan/rpc';
import fc from 'fast-check';

function routerOf(...routes: string[]) {
  return createRouter(
    routes.map((route) => {
      const [method = '', path = ''] = route.split(' ');
      return { method, path, target: route };
    }),
  );
}

function found(target: string, params: Record<string, string> = {}) {
  return { kind: 'match', target, params };
}

test('fixed segments win over parameters, and a parameter stands in where they lead nowhere', () => {
  const router = routerOf(
    'GET /orders/new',
    'GET /orders/:id',
    'GET /orders/:id/items',
    'POST /orders/:other',
  );
  assert.deepEqual(router.find('GET', '/orders/new'), found('GET /orders/new'));
  assert.deepEqual(router.find('GET', '/orders/7'), found('GET /orders/:id', { id: '7' }));
  assert.deepEqual(router.find('GET', '/orders/new/items'), found('GET /orders/:id/items', { id: 'new' }));
  assert.deepEqual(router.find('POST', '/orders/new'), found('POST /orders/:other', { other: 'new' }));
});

test('HEAD finds what GET does', () => {
  const router = routerOf('GET /a', 'GET /b/:id', 'POST /c');
  assert.deepEqual(router.find('HEAD', '/a'), found('GET /a'));
  assert.deepEqual(router.find('HEAD', '/b/1'), found('GET /b/:id', { id: '1' }));
  assert.deepEqual(router.find('HEAD', '/c'), { kind: 'wrong_method', allow: 'POST' });
});

test('a known path with another method lists the methods that it has', () => {
  const router = routerOf('GET /a/:x', 'DELETE /a/b', 'PUT /a/:y');
  assert.deepEqual(router.find('PATCH', '/a/b'), { kind: 'wrong_method', allow: 'DELETE, GET, HEAD, PUT' });
});

test('parameters are decoded once, and malformed ones are told apart from unknown paths', () => {
  const router = routerOf('GET /a/:x');
  assert.deepEqual(router.find('GET', '/a/%2Fb%20%C3%BC%2525'), found('GET /a/:x', { x: '/b ü%25' }));
  assert.deepEqual(router.find('GET', '/a/%'), { kind: 'malformed_path' });
  assert.deepEqual(router.find('GET', '/a/%FF'), { kind: 'malformed_path' });
});

test('paths that nobody declared are found by nobody', () => {
  const router = routerOf('GET /a', 'GET /a/:x', 'GET /__proto__/:x');
  const strangers = [
    '',
    '/',
    'a',
    '/a/',
    '//a',
    '/A',
    '/%61',
    '/a/b/c',
    '/a//',
    '*',
    '/constructor',
    '/toString',
  ];
  for (const path of strangers) {
    assert.deepEqual(router.find('GET', path), { kind: 'none' }, path);
  }
  assert.deepEqual(router.find('constructor', '/a'), { kind: 'wrong_method', allow: 'GET, HEAD' });
});

test('two routes of the same shape are refused when the router is made', () => {
  assert.throws(() => routerOf('GET /a/:x', 'GET /a/:y'), /'GET \/a\/:y' is taken/);
  assert.throws(() => routerOf('GET a'), TypeError);
});

test('the router finds exactly what comparing every route segment by segment finds', () => {
  const segment = fc.constantFrom('a', 'b', ':x', ':y');
  const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
  const request = fc.array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 4 });
  const shape = (text: string) => text.replaceAll(/:[xy]/g, ':');
  fc.assert(
    fc.property(fc.uniqueArray(path, { maxLength: 12, selector: shape }), request, (paths, parts) => {
      const router = createRouter(paths.map((one) => ({ method: 'GET', path: one, target: one })));
      const fits = paths.filter((one) => {
        const wanted = one.slice(1).split('/');
        if (wanted.length !== parts.length) return false;
        return wanted.every((want, at) => (want.startsWith(':') ? parts[at] !== '' : want === parts[at]));
      });
      const [best] = fits.sort((one, other) =>
        shape(one).replaceAll(':', '~') < shape(other).replaceAll(':', '~') ? -1 : 1,
      );
      const result = router.find('GET', `/${parts.join('/')}`);
      assert.equal(result.kind === 'match' ? result.target : undefined, best);
    }),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everything, runShop } from './support/running-shop.ts';

interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly security: readonly object[] }>>>
  >;
  readonly components: { readonly securitySchemes: Readonly<Record<string, object>> };
}

test('documents the exposed operations, all of them and no other', async (t) => {
  const { url } = await runShop(t);
  const answer = await fetch(`${url}/openapi.json`);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  const document = (await answer.json()) as Document;
  assert.deepEqual(document.info, { title: 'photo shop', version: 'shop 1.2.3' });
  const documented = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { security }]) => ({
      route: `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
      open: security.length === 0,
    })),
  );
  const exposed = Object.entries(everything.policies).map(([name, policy]) => {
    const operation = everything.contract.operations[name];
    return { route: `${operation?.method} ${operation?.path}`, open: policy === 'anyone' };
  });
  const byRoute = (a: { route: string }, b: { route: string }) => a.route.localeCompare(b.route);
  assert.deepEqual(documented.sort(byRoute), exposed.sort(byRoute));
  assert.deepEqual(document.components.securitySchemes, {
    bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  });
});

test('serves what it documents: every documented route answers something other than 404', async (t) => {
  const { url } = await runShop(t, { handlers: { slowOrder: () => ({ done: true }) } });
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of Object.keys(item)) {
      const answer = await fetch(`${url}${path.replaceAll(/\{\w+\}/g, 'x')}`, {
        method: method.toUpperCase(),
      });
      assert.notEqual(answer.status, 404, `${method} ${path}`);
      await answer.arrayBuffer();
    }
  }
});

test('tools that have the document already get 304', async (t) => {
  const { url } = await runShop(t);
  const first = await fetch(`${url}/openapi.json`);
  const etag = first.headers.get('etag') ?? '';
  await first.text();
  const again = await fetch(`${url}/openapi.json`, { headers: { 'if-none-match': etag } });
  assert.equal(again.status, 304);
});

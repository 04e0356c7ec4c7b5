import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder, untilPasses } from '@banyan/testing';
import { runBanyan, startSystem } from '../support/running-system.ts';

const directory = fileURLToPath(new URL('../../systems/food-to-go/', import.meta.url));

test('flows are listed, shown, drawn and dismissed while the system runs', async (t) => {
  const system = await startSystem(t, { directory, flags: ['--calm'] });
  const folder = await temporaryFolder(t, 'flow');
  const send = async (method: string, path: string, body: object, token?: string) => {
    const response = await fetch(`${system.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    });
    // biome-ignore lint/suspicious/noExplicitAny: the test looks into whatever the system answers.
    return { status: response.status, json: (await response.json()) as any };
  };
  const flow = async (...words: string[]) => {
    const run = runBanyan(['flow', ...words, '--dir', directory, '--data', system.dataFolder]);
    const { code } = await run.exited;
    return { code, output: run.output() };
  };
  const signIn = async (role: string, id: string) =>
    (await send('POST', '/sessions', { role, id })).json.token;

  const staff = await signIn('staff', 'joe');
  const price = { amount: 1_234, currency: 'EUR' };
  const restaurant = await send(
    'POST',
    '/restaurants',
    {
      name: 'Ajanta',
      address: { street: 'A', city: 'B', postalCode: 'C' },
      menu: [{ menuItemId: 'vindaloo', name: 'Chicken Vindaloo', price }],
      minimumOrder: price,
    },
    staff,
  );
  // Nobody has signed up under this id, so the order is refused.
  const nobody = await signIn('consumer', randomUUID());
  const orderId = await untilPasses(async () => {
    const { status, json } = await send(
      'POST',
      '/orders',
      {
        restaurantId: restaurant.json.restaurantId,
        deliveryAddress: { street: 'A', city: 'B', postalCode: 'C' },
        lineItems: [{ menuItemId: 'vindaloo', quantity: 1 }],
      },
      nobody,
    );
    assert.equal(status, 201);
    return json.orderId as string;
  });

  await untilPasses(async () => {
    const listed = await flow('ls', 'progress', '--status', 'failed');
    assert.match(listed.output, new RegExp(`${orderId} +failed`));
  });
  assert.match((await flow('ls', 'progress', 'createOrder', '--status', 'late')).output, /No flows\./);
  const shown = await flow('show', 'progress', 'createOrder', orderId);
  assert.equal(shown.code, 0, shown.output);
  assert.partialDeepStrictEqual(JSON.parse(shown.output), {
    flow: 'createOrder',
    key: orderId,
    waitsFor: [],
  });

  const file = join(folder, 'path.svg');
  assert.equal((await flow('show', 'progress', 'createOrder', orderId, '--svg', file)).code, 0);
  assert.match(await readFile(file, 'utf8'), new RegExp(`Flow createOrder ${orderId}: failed`));

  const ended = await flow('dismiss', 'progress', 'createOrder', orderId, '--by', 'ann');
  assert.match(ended.output, /has no 'createOrder'/);
  assert.equal(ended.code, 1);
  // What changed nothing is not on record.
  assert.match((await flow('audit', 'progress')).output, /Nobody has done anything\./);
  const wrong = await flow('ls', 'orders');
  assert.match(wrong.output, /Name a flow: .* The service watches none\./);
  assert.equal(wrong.code, 2);
});

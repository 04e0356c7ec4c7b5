import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  openSchemas,
  type PublicApi,
  reachedObjects,
  routesOf,
  unlimitedBodies,
  wrongRoles,
} from '@banyan/test-support/owasp';
import system from '../system.ts';
import { type Customer, type PhotoPrint, password, startPhotoPrint } from './fixtures/photo-print.ts';

describe('OWASP API Top 10 of the print shop', () => {
  let photoPrint: PhotoPrint;
  let owner: Customer;
  let api: PublicApi;
  const cleanUps: (() => unknown)[] = [];
  before(async () => {
    photoPrint = await startPhotoPrint({ after: (cleanUp) => void cleanUps.unshift(cleanUp) });
    owner = await photoPrint.customer();
    const { loginId } = await photoPrint.customer();
    const { json } = await photoPrint.anyone.send('POST', '/sessions', { json: { loginId, password } });
    const url = photoPrint.system.publicUrl ?? '';
    api = { system, url, roles: { customer: { authorization: `Bearer ${json.token}` } } };
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  test('every route of the print shop lets in exactly the roles that it names', async () => {
    assert.deepEqual(await wrongRoles(api), []);
    assert.ok(routesOf(api).length >= 17);
  });

  test('no customer reaches photos, orders or labels of another one', async () => {
    const { photoId } = await owner.uploadPicture();
    const placed = await owner.order({ photoId });
    const { orderId } = placed.json;
    await owner.until(orderId, 'despatched', 'printing', 'printed', 'paid');
    assert.equal((await owner.send('GET', `/photos/${photoId}`)).status, 200);
    const { tried, wrong } = await reachedObjects(api, { photoId, orderId });
    assert.deepEqual(wrong, []);
    assert.ok(tried >= 6, `${tried} tried`);
    assert.notEqual((await owner.send('GET', `/print-orders/${orderId}`)).json.status, 'cancelled');
  });

  test('what the contracts of the print shop do not name does not get in, and does not get out', async () => {
    assert.deepEqual(openSchemas(system), []);
    const extra = {
      accountId: randomUUID(),
      customerId: 'root',
      status: 'despatched',
      total: { amount: 1 },
      isAdmin: true,
    };
    const { json } = await owner.order(extra);
    const { json: order } = await owner.send('GET', `/print-orders/${json.orderId}`);
    assert.notEqual(order.total?.amount, 1);
    assert.equal(order.isAdmin, undefined);
  });

  test('no route of the print shop reads a body without end', async () => {
    assert.deepEqual(await unlimitedBodies(api), []);
  });
});

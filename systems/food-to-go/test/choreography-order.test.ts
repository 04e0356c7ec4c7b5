import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { until } from '@banyan/testing';
import { accounting } from '../accounting/contract.ts';
import { accountingService } from '../accounting/service.ts';
import { kitchenService } from '../kitchen/service.ts';
import { ajanta, euros, goodCard, home } from './fixtures/food.ts';
import { type Stage, startStage } from './fixtures/stage.ts';

const now = () => new Date().toISOString();

interface Saying {
  readonly who: string;
  readonly name: string;
  readonly data: object;
}

function newsOf(orderId: string, { consumerId, restaurantId }: { consumerId: string; restaurantId: string }) {
  const coordination = 'choreography';
  const about = { orderId, consumerId, coordination, at: now() };
  const ticket = { orderId, ticketId: randomUUID(), restaurantId, revision: 1, at: now() };
  const line = { menuItemId: 'vindaloo', quantity: 5 };
  return {
    created: {
      who: 'orders',
      name: 'created',
      data: {
        ...{ ...about, revision: 0, restaurant: { restaurantId, name: 'Ajanta', revision: 1 } },
        ...{ lineItems: [{ ...line, name: 'Chicken Vindaloo', price: euros(1_234) }], total: euros(6_170) },
        deliveryAddress: home,
      },
    },
    verified: { who: 'consumers', name: 'verified', data: about },
    expired: { who: 'orders', name: 'approvalExpired', data: { orderId, consumerId, at: now() } },
    refused: { who: 'accounting', name: 'cardRefused', data: { ...about, reason: 'deadline' } },
    ticket: {
      who: 'kitchen',
      name: 'ticketCreated',
      data: { ...ticket, coordination, lines: [{ ...line, dish: 'Chicken Vindaloo' }] },
    },
  } as const satisfies Record<string, Saying>;
}

function permutations<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  if (items.length <= 1) return [items];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}

/** Each saying twice, one after the other or the whole again, as different events. */
async function tellTwice(stage: Stage, sayings: readonly Saying[]): Promise<void> {
  for (const { who, name, data } of [...sayings, ...sayings]) await stage.tell(who, name, data);
}

test('the kitchen makes one ticket of what it is told in any order and twice, and none that outlives a refusal', async (t) => {
  const stage = await startStage(t, kitchenService);
  const restaurantId = randomUUID();
  const { name, address, menu, minimumOrder } = ajanta;
  const restaurant = { restaurantId, revision: 1, name, address, menu, minimumOrder, at: now() };
  await stage.tell('restaurants', 'created', { ...restaurant, createdAt: now(), changedAt: now() });
  const people = { consumerId: randomUUID(), restaurantId };

  const asked = permutations(['created', 'verified'] as const);
  const withdrawn = permutations(['created', 'verified', 'refused'] as const);
  const orders = [...asked, ...withdrawn].map((sequence) => ({ orderId: randomUUID(), sequence }));
  for (const { orderId, sequence } of orders) {
    const news = newsOf(orderId, people);
    await tellTwice(
      stage,
      sequence.map((each) => news[each]),
    );
  }
  for (const { orderId, sequence } of orders) {
    const where = sequence.join(', ');
    if (!sequence.some((each) => each === 'refused')) {
      await until(async () => (stage.toldOf(orderId).length > 0 ? true : undefined), `ticket of ${where}`);
      continue;
    }
    // Refused last: there may have been a ticket, and then it was cancelled.
    await until(async () => {
      const told = stage.toldOf(orderId);
      return told.length === 0 || told.length === 2 ? true : undefined;
    }, `end of ${where}`);
  }
  // By now what was told earlier has been handled, or is handled before this one's ticket is heard of.
  const last = newsOf(randomUUID(), people);
  await tellTwice(stage, [last.created, last.verified]);
  await until(
    async () => (stage.toldOf(last.created.data.orderId).length > 0 ? true : undefined),
    'last ticket',
  );
  for (const { orderId, sequence } of orders) {
    const told = stage.toldOf(orderId);
    if (!sequence.some((each) => each === 'refused'))
      assert.deepEqual(told, ['TicketCreated'], sequence.join());
    else
      assert.ok(told.length === 0 || told.join() === 'TicketCreated,TicketCancelled', `${sequence}: ${told}`);
  }
});

test('accounting decides once on what it is told in any order and twice, also when the time is over', async (t) => {
  const stage = await startStage(t, accountingService);
  const consumerId = randomUUID();
  await stage.tell('consumers', 'registered', { consumerId, name: 'Ada', registeredAt: now() });
  const user = { id: consumerId, scopes: ['consumer'] };
  await stage.system.client(accounting, { service: 'ear', user }).registerCard(goodCard);
  const people = { consumerId, restaurantId: randomUUID() };
  const orders = [
    ...permutations(['created', 'ticket'] as const),
    ...permutations(['created', 'ticket', 'expired'] as const),
  ].map((sequence) => ({ orderId: randomUUID(), sequence }));
  for (const { orderId, sequence } of orders) {
    const news = newsOf(orderId, people);
    await tellTwice(
      stage,
      sequence.map((each) => news[each]),
    );
  }
  for (const { orderId, sequence } of orders) {
    await until(async () => (stage.toldOf(orderId).length > 0 ? true : undefined), `decision on ${sequence}`);
  }
  const last = newsOf(randomUUID(), people);
  await tellTwice(stage, [last.created, last.ticket]);
  await until(
    async () => (stage.toldOf(last.created.data.orderId).length > 0 ? true : undefined),
    'last decision',
  );
  for (const { orderId, sequence } of orders) {
    const told = stage.toldOf(orderId);
    if (!sequence.some((each) => each === 'expired'))
      assert.deepEqual(told, ['CardAuthorized'], sequence.join());
    else assert.ok(told.join() === 'CardAuthorized' || told.join() === 'CardRefused', `${sequence}: ${told}`);
  }
});

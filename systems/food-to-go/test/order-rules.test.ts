import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NewEvent } from '@banyan/event-store';
import { given } from '@banyan/event-store/testing';
import { ticketChanges, lifecycle as ticketLifecycle, ticketStates } from '../kitchen/lifecycle.ts';
// The rules of an order are pure functions.
import { lifecycle, type OrderState, orderChanges, orderStates } from '../orders/lifecycle.ts';
import { type NewOrder, type OrderCommand, order } from '../orders/order.ts';
import type { OrderEvents } from '../orders/order-events.ts';
import { euros, home } from './fixtures/food.ts';

type Event = NewEvent<OrderEvents>;

const at = '2026-03-01T12:00:00.000Z';
const later = '2026-03-01T12:05:00.000Z';
const consumerId = 'ada';
const vindaloo = (quantity: number) => ({
  menuItemId: 'vindaloo',
  name: 'Chicken Vindaloo',
  price: euros(1_234),
  quantity,
});
const naan = { menuItemId: 'naan', name: 'Garlic Naan', price: euros(300), quantity: 2 };
const wanted: NewOrder = {
  consumerId,
  restaurant: { restaurantId: '019a0000-0000-7000-8000-000000000001', name: 'Ajanta', revision: 1 },
  minimumOrder: euros(1_500),
  lineItems: [vindaloo(5), naan],
  deliveryAddress: home,
  coordination: 'orchestration',
};
const placed: Event = { type: 'Placed', data: { ...wanted, lineItems: [...wanted.lineItems], at } };
const approved: Event = { type: 'Approved', data: { at, consumerId } };
const revise = (quantities: { menuItemId: string; quantity: number }[]): OrderCommand => ({
  change: 'beginRevision',
  quantities,
  at: later,
});

test('an order is placed once, and not below the minimum', () => {
  given(order, []).when({ change: 'place', order: wanted, at }).then([placed]);
  given(order, [placed]).when({ change: 'place', order: wanted, at: later }).then([]);
  const small = { ...wanted, lineItems: [vindaloo(1)] };
  given(order, []).when({ change: 'place', order: small, at }).thenRefused('minimumNotMet');
  given(order, []).when({ change: 'approve', at }).thenRefused('orderNotFound');
});

test('a revision names some lines: the others stay, 0 takes one away, and prices are those that were ordered at', () => {
  given(order, [placed, approved])
    .when(revise([{ menuItemId: 'vindaloo', quantity: 10 }]))
    .then([{ type: 'RevisionBegun', data: { at: later, lineItems: [vindaloo(10), naan] } }]);
  given(order, [placed, approved])
    .when(revise([{ menuItemId: 'naan', quantity: 0 }]))
    .then([{ type: 'RevisionBegun', data: { at: later, lineItems: [vindaloo(5)] } }]);
  given(order, [placed, approved])
    .when(revise([{ menuItemId: 'dosa', quantity: 1 }]))
    .thenRefused('unknownMenuItem');
});

test('the minimum is the least that an order may come to: at it a revision is allowed, below it refused', () => {
  // 1 × 12.34 + 2 × 3.00 = 18.34; without the naan 12.34; the minimum is 15.00.
  given(order, [placed, approved])
    .when(revise([{ menuItemId: 'vindaloo', quantity: 1 }]))
    .then([{ type: 'RevisionBegun', data: { at: later, lineItems: [vindaloo(1), naan] } }]);
  given(order, [placed, approved])
    .when(
      revise([
        { menuItemId: 'vindaloo', quantity: 1 },
        { menuItemId: 'naan', quantity: 0 },
      ]),
    )
    .thenRefused('minimumNotMet');
  // 5 × 3.00 = 15.00, exactly.
  given(order, [placed, approved])
    .when(
      revise([
        { menuItemId: 'vindaloo', quantity: 0 },
        { menuItemId: 'naan', quantity: 5 },
      ]),
    )
    .then([{ type: 'RevisionBegun', data: { at: later, lineItems: [{ ...naan, quantity: 5 }] } }]);
});

/** One way into each state. */
const pathTo: Record<OrderState, readonly Event[]> = {
  APPROVAL_PENDING: [placed],
  APPROVED: [placed, approved],
  REJECTED: [placed, { type: 'Rejected', data: { at, consumerId, reason: 'why' } }],
  CANCEL_PENDING: [placed, approved, { type: 'CancelBegun', data: { at } }],
  CANCELLED: [
    placed,
    approved,
    { type: 'CancelBegun', data: { at } },
    { type: 'Cancelled', data: { at, consumerId } },
  ],
  REVISION_PENDING: [
    placed,
    approved,
    { type: 'RevisionBegun', data: { at, lineItems: [vindaloo(10), naan] } },
  ],
  DELIVERED: [placed, approved, { type: 'Delivered', data: { at, consumerId } }],
};
const commandOf = {
  ...Object.fromEntries(orderChanges.map((change) => [change, { change, at: later }])),
  reject: { change: 'reject', reason: 'why', at: later },
  beginRevision: revise([{ menuItemId: 'vindaloo', quantity: 10 }]),
} as Record<(typeof orderChanges)[number], OrderCommand>;

test('in every state an order allows what its lifecycle says, leads where it says, and refuses all else', () => {
  let refusals = 0;
  for (const state of orderStates) {
    for (const change of orderChanges) {
      const when = given(order, pathTo[state]).when(commandOf[change]);
      const leadsTo = lifecycle[state][change];
      if (leadsTo === undefined) {
        when.thenRefused({ reason: 'orderStateForbids', details: { state } });
        refusals += 1;
        continue;
      }
      const events = order.decide(commandOf[change], pathTo[state].reduce(evolve, undefined));
      assert.equal(
        [...pathTo[state], ...events].reduce(evolve, undefined)?.state,
        leadsTo,
        `${state} ${change}`,
      );
    }
  }
  // 7 states and 9 changes, of which the table allows 9.
  assert.equal(refusals, 7 * 9 - 9);
});

test('a confirmed revision has the new lines, one that is undone the old ones', () => {
  const begun = pathTo.REVISION_PENDING;
  const linesAfter = (event: Event) => [...begun, event].reduce(evolve, undefined)?.lineItems;
  const [confirmed] = order.decide({ change: 'confirmRevision', at: later }, begun.reduce(evolve, undefined));
  assert.ok(confirmed);
  assert.deepEqual(linesAfter(confirmed), [vindaloo(10), naan]);
  assert.deepEqual(linesAfter({ type: 'RevisionUndone', data: { at: later } }), [vindaloo(5), naan]);
});

test('a lock of a ticket can be had only where no work is lost, and always leads back', () => {
  const locks = { beginCancel: 'undoCancel', beginRevision: 'undoRevision' } as const;
  for (const [begin, undo] of Object.entries(locks) as [
    keyof typeof locks,
    'undoCancel' | 'undoRevision',
  ][]) {
    const from = ticketStates.filter((state) => ticketLifecycle[state][begin] !== undefined);
    assert.deepEqual(from, ['AWAITING_ACCEPTANCE', 'ACCEPTED']);
    for (const state of from) {
      const locked = ticketLifecycle[state][begin];
      assert.equal(ticketLifecycle[locked as (typeof ticketStates)[number]][undo], 'FORMER');
    }
  }
  // Nothing leads out of an end, and nobody works on what is locked.
  for (const end of ['PICKED_UP', 'CANCELLED'] as const) assert.deepEqual(ticketLifecycle[end], {});
  for (const change of ['accept', 'startPreparing', 'markReady', 'pickUp'] as const) {
    assert.ok(ticketChanges.includes(change));
    assert.equal(ticketLifecycle.CANCEL_PENDING[change], undefined);
    assert.equal(ticketLifecycle.REVISION_PENDING[change], undefined);
  }
});

function evolve(state: Parameters<typeof order.evolve>[0], event: Event) {
  return order.evolve(state, { ...event, version: 1 } as Parameters<typeof order.evolve>[1]);
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSighting, type FlowDefinition, flow, pictureOf, type Seen } from '@banyan/flow';
import { accounting, createOrder, kitchen, orders } from './fixtures/orders.ts';

/** Events of one flow, a second apart from second 1 on. */
function seenOf(...topics: readonly string[]): Seen {
  return topics.reduce((seen, topic, index) => addSighting(seen, topic, (index + 1) * 1_000), {});
}

function look(definition: FlowDefinition, ...topics: readonly string[]) {
  const picture = pictureOf(definition, seenOf(...topics));
  assert.ok(picture);
  const { status, steps, waitsFor, endedAtMs, dueAtMs } = picture;
  return {
    status,
    steps: steps.map(({ name, state }) => `${name} ${state}`).join(', '),
    waitsFor: waitsFor.flatMap(({ events }) => events).join(', '),
    endedAtMs,
    dueAtMs,
  };
}

const happy = [
  'orders.created',
  'kitchen.ticketCreated',
  'accounting.cardAuthorized',
  'kitchen.ticketConfirmed',
  'orders.approved',
];

test('a flow waits for one step after the other, and then for its end', () => {
  const waits = [
    'kitchen.ticketCreated',
    'accounting.cardAuthorized',
    'kitchen.ticketConfirmed',
    'orders.approved',
  ];
  for (const [index, expected] of waits.entries()) {
    const { status, waitsFor, dueAtMs } = look(createOrder, ...happy.slice(0, index + 1));
    // The latest event was in second `index + 1`, and a minute may pass.
    assert.deepEqual(
      { status, waitsFor, dueAtMs },
      { status: 'open', waitsFor: expected, dueAtMs: 61_000 + index * 1_000 },
    );
  }
  assert.deepEqual(look(createOrder, ...happy), {
    status: 'completed',
    steps: 'order done, ticket done, card done, confirmation done',
    waitsFor: '',
    endedAtMs: 5_000,
    dueAtMs: undefined,
  });
});

test('an end that comes before the steps are known waits for them', () => {
  assert.deepEqual(look(createOrder, 'orders.approved', 'kitchen.ticketCreated', 'orders.created'), {
    status: 'open',
    steps: 'order done, ticket done, card open, confirmation open',
    waitsFor: 'accounting.cardAuthorized',
    endedAtMs: undefined,
    dueAtMs: 63_000,
  });
});

test('a failing flow waits for what is to be undone, and for its end', () => {
  const refused = ['orders.created', 'kitchen.ticketCreated', 'accounting.cardRefused'];
  assert.deepEqual(look(createOrder, ...refused), {
    status: 'failing',
    steps: 'order done, ticket done, card failed, confirmation open',
    waitsFor: 'kitchen.ticketCancelled, orders.rejected',
    endedAtMs: undefined,
    dueAtMs: 63_000,
  });
  assert.equal(look(createOrder, ...refused, 'orders.rejected').waitsFor, 'kitchen.ticketCancelled');
  assert.equal(look(createOrder, ...refused, 'orders.rejected').status, 'failing');
  assert.deepEqual(look(createOrder, ...refused, 'orders.rejected', 'kitchen.ticketCancelled'), {
    status: 'failed',
    steps: 'order done, ticket undone, card failed, confirmation open',
    waitsFor: '',
    endedAtMs: 5_000,
    dueAtMs: undefined,
  });
});

test('a step that was never done needs not be undone', () => {
  const { status, endedAtMs } = look(
    createOrder,
    'orders.created',
    'kitchen.ticketRefused',
    'orders.rejected',
  );
  assert.deepEqual({ status, endedAtMs }, { status: 'failed', endedAtMs: 3_000 });
});

test('a step that failed and was done when it was tried again is done', () => {
  const { status, steps } = look(
    createOrder,
    'orders.created',
    'kitchen.ticketRefused',
    'kitchen.ticketCreated',
  );
  assert.deepEqual(
    { status, steps },
    { status: 'open', steps: 'order done, ticket done, card open, confirmation open' },
  );
});

test('what happens after a good end leaves the flow completed', () => {
  const { status, endedAtMs, steps } = look(createOrder, ...happy, 'kitchen.ticketCancelled');
  assert.deepEqual({ status, endedAtMs }, { status: 'completed', endedAtMs: 5_000 });
  assert.match(steps, /ticket undone/);
});

test('steps that follow the same one go on side by side, and the one after both waits for both', () => {
  const sideBySide = flow('sideBySide', {
    key: 'orderId',
    steps: {
      order: { done: orders.events.created },
      ticket: { done: kitchen.events.ticketCreated },
      card: { done: accounting.events.cardRefused, after: ['order'] },
      confirmation: { done: kitchen.events.ticketConfirmed, after: ['ticket', 'card'] },
    },
    lateAfterMs: 1_000,
  });
  assert.equal(look(sideBySide, 'orders.created').waitsFor, 'kitchen.ticketCreated, accounting.cardRefused');
  assert.equal(
    look(sideBySide, 'orders.created', 'accounting.cardRefused').waitsFor,
    'kitchen.ticketCreated',
  );
  const both = ['orders.created', 'accounting.cardRefused', 'kitchen.ticketCreated'];
  assert.equal(look(sideBySide, ...both).waitsFor, 'kitchen.ticketConfirmed');
  // Without a declared end it is over when every step is done.
  const whole = look(sideBySide, ...both, 'kitchen.ticketConfirmed');
  assert.deepEqual([whole.status, whole.endedAtMs], ['completed', 4_000]);
});

test('an optional step is waited for until what follows it is seen, and the end does not need it', () => {
  const withOption = flow('withOption', {
    key: 'orderId',
    steps: {
      order: { done: orders.events.created },
      ticket: { done: kitchen.events.ticketCreated, optional: true },
      confirmation: { done: kitchen.events.ticketConfirmed },
    },
    ends: { well: orders.events.approved },
    lateAfterMs: 1_000,
  });
  assert.equal(look(withOption, 'orders.created').waitsFor, 'kitchen.ticketCreated, kitchen.ticketConfirmed');
  assert.equal(look(withOption, 'orders.created', 'kitchen.ticketConfirmed').waitsFor, 'orders.approved');
  const whole = look(withOption, 'orders.created', 'kitchen.ticketConfirmed', 'orders.approved');
  assert.deepEqual([whole.status, whole.waitsFor], ['completed', '']);
});

test('a bound on the whole flow makes it due, however much happens meanwhile', () => {
  const bounded = flow('bounded', {
    key: 'orderId',
    steps: { order: { done: orders.events.created }, ticket: { done: kitchen.events.ticketCreated } },
    lateAfterMs: 10_000,
    withinMs: 12_000,
  });
  const seen = addSighting(addSighting({}, 'orders.created', 1_000), 'orders.created', 9_000);
  assert.equal(pictureOf(bounded, addSighting({}, 'orders.created', 1_000))?.dueAtMs, 11_000);
  assert.equal(pictureOf(bounded, seen)?.dueAtMs, 13_000);
});

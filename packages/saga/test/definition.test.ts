import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, event, operation } from '@banyan/contract';
import { saga } from '@banyan/saga';
import { z } from 'zod';

const kitchen = contract('kitchen', {
  version: '1.0.0',
  operations: {
    createTicket: operation('POST /tickets', {
      input: z.object({ orderId: z.string() }),
      output: z.object({ ticketId: z.string() }),
    }),
    cancelTicket: operation('POST /tickets/:ticketId/cancel', {
      input: z.object({ ticketId: z.string() }),
      output: z.object({}),
    }),
  },
});
const orders = contract('orders', {
  version: '1.0.0',
  operations: {},
  events: { approved: event('OrderApproved', { data: z.object({ orderId: z.string() }), key: 'orderId' }) },
});

test('a later step knows the results of the earlier ones, by type', () => {
  const created = saga('createOrder', {
    version: 1,
    input: z.object({ orderId: z.string() }),
    contract: orders,
  })
    .step('ticket', {
      call: kitchen.operations.createTicket,
      with: ({ input }) => ({ orderId: input.orderId }),
      undo: { call: kitchen.operations.cancelTicket, with: ({ ticket }) => ({ ticketId: ticket.ticketId }) },
    })
    .branch('kind', {
      on: ({ ticket }) => (ticket.ticketId === '' ? 'slow' : 'fast'),
      paths: {
        fast: (path) => path.step('courier', { tx: async () => ({ courier: 'c1' }) }),
        slow: (path) => path,
      },
    })
    .parallel('prepare', {
      left: (path) => path.step('one', { run: async () => 1 }),
      right: (path) => path.step('two', { run: async ({ ticket }) => ticket.ticketId }),
    })
    .waitFor('accepted', { signal: z.object({ at: z.string() }) })
    .pivot('approve', {
      tx: async ({ input, ticket, courier, one, two, accepted, kind }, { emit }) => {
        const total: number = one;
        const text: string = two + accepted.at + ticket.ticketId + (courier?.courier ?? kind);
        emit('approved', { orderId: input.orderId });
        return { total, text };
      },
    })
    .step('tell', {
      // @ts-expect-error the result of `approve` has no such field
      run: async ({ approve }) => approve.nothing,
    });
  assert.deepEqual(
    created.nodes.map(({ name }) => name),
    ['ticket', 'kind', 'prepare', 'accepted', 'approve', 'tell'],
  );
});

test('a definition that contradicts itself is refused with the fix', () => {
  const begun = saga('createOrder', { version: 1, input: z.object({}) });
  const act = { run: async () => 1 };
  assert.throws(() => saga('Create order', { version: 1, input: z.object({}) }), /camelCase/);
  assert.throws(
    () => saga('createOrder', { version: 0, input: z.object({}) }),
    /'version' is a whole number/,
  );
  assert.throws(() => begun.step('one', act).step('one', act), /'one' is taken/);
  assert.throws(() => begun.step('input', act), /'input' is taken/);
  assert.throws(() => begun.step('one', {}), /give 'call', 'send', 'tx', 'run', or 'undo'/);
  assert.throws(() => begun.pivot('one', act).pivot('two', act), /one pivot/);
  assert.throws(
    () => begun.parallel('both', { left: (path) => path.pivot('one', act), right: (path) => path }),
    /own path/,
  );
  assert.throws(
    () => begun.step('one', act).parallel('both', { left: (path) => path.step('one', act) }),
    /'one' is taken/,
  );
  assert.throws(() => begun.step('one', { ...act, retry: { firstMs: 10, maxMs: 5 } }), /'retry' needs/);
  assert.throws(() => begun.sleep('nap', -1), /positive number of milliseconds/);
});

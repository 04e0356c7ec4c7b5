import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { contract, operation } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { graphql } from '@banyan/graphql';
import { defaultOptions, menu, order, runMenu } from './support/running-menu.ts';

const names = (calls: readonly (readonly [string, unknown])[]) => calls.map(([name]) => name);

suite('GraphQL over contracts', () => {
  test('answers what is asked for, and nothing else, by the schemas of the contracts', async (t) => {
    const running = await runMenu(t);
    const answer = await running.ask(`{
      order(orderId: "o-7") { orderId state total { amount currency } lines { dish quantity } note labels __typename }
    }`);
    assert.deepEqual(answer, {
      status: 200,
      data: {
        order: {
          orderId: 'o-7',
          state: 'OPEN',
          // Larger than the Int of GraphQL.
          total: { amount: 4_000_000_000, currency: 'EUR' },
          lines: [{ dish: 'vindaloo', quantity: 2 }],
          note: null,
          labels: { 'two words': 1 },
          __typename: 'Order',
        },
      },
    });
    assert.deepEqual(running.calls, [['getOrder', { orderId: 'o-7' }]]);
  });

  test('asks for one consumer once, however many orders are theirs', async (t) => {
    const running = await runMenu(t);
    const answer = await running.ask('{ orders(count: 50) { orders { orderId consumer { name } } } }');
    assert.equal(answer.data.orders.orders.length, 50);
    assert.ok(
      answer.data.orders.orders.every((each: { consumer: { name: string } }) => each.consumer.name === 'ADA'),
    );
    assert.deepEqual(names(running.calls), ['listOrders', 'getConsumer']);
    await running.ask('{ orders(count: 1) { orders { consumer { name } } } }');
    // What one request learnt is not the next one's.
    assert.deepEqual(names(running.calls), ['listOrders', 'getConsumer', 'listOrders', 'getConsumer']);
  });

  test('asks each version of an operation for itself, also with the same input', async (t) => {
    const { input, output } = menu.operations.getOrder;
    const next = contract('menu', {
      version: '2.0.0',
      operations: { getOrder: operation('GET /orders/:orderId', { input, output }) },
    });
    const running = await runMenu(t, {
      options: {
        queries: { ...defaultOptions.queries, next: { asks: [next, 'getOrder'], access: 'anyone' } },
      },
    });
    const { data } = await running.ask('{ order(orderId: "1") { orderId } next(orderId: "1") { orderId } }');
    assert.deepEqual(data, { order: { orderId: '1' }, next: { orderId: '1' } });
    assert.deepEqual(names(running.calls), ['getOrder', 'getOrder']);
  });

  test('asks side by side for what needs nothing of each other', async (t) => {
    const both = Promise.withResolvers<void>();
    let running = 0;
    const menuRunning = await runMenu(t, {
      handlers: {
        getOrder: async ({ orderId }: { orderId: string }) => {
          running += 1;
          if (running === 2) both.resolve();
          await both.promise;
          return order(orderId);
        },
      },
    });
    const { data } = await menuRunning.ask(
      '{ a: order(orderId: "1") { orderId } b: order(orderId: "2") { orderId } }',
    );
    assert.deepEqual(data, { a: { orderId: '1' }, b: { orderId: '2' } });
  });

  test('takes variables by the type of the input, and lets the contract judge them', async (t) => {
    const running = await runMenu(t);
    const query =
      'query Latest($count: Int, $states: [String!]) { orders(count: $count, states: $states) { orders { orderId } } }';
    const good = await running.ask(query, { variables: { count: 1, states: ['OPEN'] } });
    assert.deepEqual(good.data, { orders: { orders: [{ orderId: 'o-0' }] } });
    const wrong = await running.ask(query, { variables: { count: 'many' } });
    assert.equal(wrong.data, undefined);
    assert.equal(wrong.errors[0].extensions.reason, 'query_refused');
    const refused = await running.ask(query, { variables: { count: 501 } });
    assert.deepEqual(refused.data, { orders: null });
    assert.equal(refused.errors[0].extensions.reason, 'invalid_input');
  });

  test('a field that is refused is null beside the others, with the code and reason of its operation', async (t) => {
    const running = await runMenu(t, {
      handlers: {
        getOrder: ({ orderId }: { orderId: string }) => {
          if (orderId === 'o-1') return order('o-1');
          throw new ServiceError('There is no such order.', {
            code: 'not_found',
            reason: 'orderNotFound',
            declared: true,
          });
        },
      },
    });
    const { status, data, errors } = await running.ask(
      '{ here: order(orderId: "o-1") { orderId consumer { name } } gone: order(orderId: "o-2") { orderId } }',
    );
    assert.equal(status, 200);
    assert.deepEqual(data, { here: { orderId: 'o-1', consumer: null }, gone: null });
    assert.equal(errors.length, 1);
    const [{ message, path, extensions }] = errors;
    assert.deepEqual(
      [message, path, extensions],
      ['There is no such order.', ['gone'], { code: 'not_found', reason: 'orderNotFound' }],
    );
  });

  test('does not ask an operation that is switched off', async (t) => {
    const running = await runMenu(t, { policies: { getConsumer: { access: 'anyone', initially: 'off' } } });
    const { data, errors } = await running.ask('{ order(orderId: "1") { orderId consumer { name } } }', {
      token: await running.token([]),
    });
    assert.deepEqual(data, { order: { orderId: '1', consumer: null } });
    assert.equal(errors[0].extensions.reason, 'route_not_found');
    assert.deepEqual(names(running.calls), ['getOrder']);
  });

  test('says nothing of the inside when a service fails', async (t) => {
    const running = await runMenu(t, {
      handlers: {
        getConsumer: () => {
          throw new Error('secret: password of host db-7');
        },
        getOrder: () => ({ orderId: null }),
      },
    });
    const failed = await running.ask('{ orders(count: 1) { orders { orderId consumer { name } } } }');
    assert.deepEqual(failed.data.orders.orders, [{ orderId: 'o-0', consumer: null }]);
    assert.deepEqual(failed.errors[0].extensions, { code: 'internal', reason: 'unexpected_error' });
    assert.doesNotMatch(JSON.stringify(failed), /db-7/);
  });

  test('each field has the policy of its operation', async (t) => {
    const running = await runMenu(t, { policies: { getOrder: 'user', getConsumer: { scope: 'staff' } } });
    const query = '{ order(orderId: "o-1") { orderId consumer { name } } }';
    assert.equal((await running.ask(query)).status, 401);
    const { data, errors } = await running.ask(query, { token: await running.token([]) });
    assert.deepEqual(data, { order: { orderId: 'o-1', consumer: null } });
    assert.equal(errors[0].extensions.reason, 'insufficient_scope');
    assert.deepEqual(names(running.calls), ['getOrder']);
    const staff = await running.ask(query, { token: await running.token(['staff']) });
    assert.deepEqual(staff.data, { order: { orderId: 'o-1', consumer: { name: 'ADA' } } });
  });

  test('answers no field that is for users to a program that they have allowed something else', async (t) => {
    const read = { scope: 'orders:read' };
    const policies = { getOrder: read, getConsumer: 'user' } as const;
    const running = await runMenu(t, { policies, access: read });
    const query = '{ order(orderId: "o-1") { orderId consumer { name } } }';
    const some = await running.ask(query, { token: await running.programToken(['orders:read']) });
    assert.deepEqual(some.data, { order: { orderId: 'o-1', consumer: null } });
    assert.equal(some.errors[0].extensions.reason, 'insufficient_scope');
    assert.deepEqual(names(running.calls), ['getOrder']);
    const whole = await running.ask(query, { token: await running.programToken(['orders:read', 'user']) });
    assert.deepEqual(whole.data, { order: { orderId: 'o-1', consumer: { name: 'ADA' } } });
  });

  test('shows its schema only where it is open', async (t) => {
    const query = '{ __schema { types { name } } }';
    const closed = await (await runMenu(t)).ask(query);
    assert.equal(closed.data, undefined);
    assert.equal(closed.errors[0].extensions.reason, 'query_refused');
    const open = await (await runMenu(t, { options: { introspection: true } })).ask(query);
    const types = open.data.__schema.types.map(({ name }: { name: string }) => name);
    assert.ok(
      ['Query', 'Order', 'OrderLines', 'OrderTotal', 'OrderList', 'Consumer'].every((name) =>
        types.includes(name),
      ),
    );
    // Names of what there is are not suggested either.
    const hidden = await (await runMenu(t)).ask('{ order(orderId: "1") { orderIdd } }');
    assert.doesNotMatch(hidden.errors[0].message, /Did you mean/);
  });
});

suite('the declaration', () => {
  const asks = [menu, 'getOrder'] as const;

  test('is refused if it contradicts itself', () => {
    const declare = (options: object) => () => graphql('POST /graphql', { ...defaultOptions, ...options });
    assert.throws(declare({ queries: {}, links: {} }), /at least one query/);
    assert.throws(declare({ queries: { 'my-order': { asks } } }), /no name in GraphQL/);
    assert.throws(declare({ queries: { order: { asks: [menu, 'nothing'] } } }), /does not have/);
    assert.throws(declare({ queries: { order: { asks: [menu, 'cancelOrder'] } } }), /only read/);
    assert.throws(
      declare({ links: { Nothing: { order: { asks, input: {} } } } }),
      /no type 'Nothing' for 'order'; there are .*Order/,
    );
    assert.throws(
      declare({
        links: { Order: { consumer: { asks: [menu, 'getConsumer'], input: { consumerId: 'owner' } } } },
      }),
      /needs 'owner', which 'Order' does not have/,
    );
    assert.throws(
      declare({
        queries: { order: { asks }, consumer: { asks: [menu, 'getConsumer'], type: 'Order' } },
        links: {},
      }),
      /two types are named 'Order'/,
    );
  });
});

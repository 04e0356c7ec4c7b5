import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, operation } from '@banyan/contract';
import { isServiceError } from '@banyan/core';
import { checkPolicies, parsePolicies, policies } from '@banyan/policy';
import { z } from 'zod';

// Schemas with a name of their own are referred to, wherever they are used.
const Sku = z.string().meta({ id: 'Sku' });
const Address = z.object({ city: z.string() }).meta({ id: 'Address' });

const orders = contract('orders', {
  version: '1.0.0',
  operations: {
    getOrder: operation('GET /users/:userId/orders/:orderId', {
      input: z.object({ userId: z.string(), orderId: z.string() }),
      output: z.object({}),
    }),
    refund: operation('POST /orders/:orderId/refunds', {
      input: z.object({
        orderId: z.string(),
        amount: z.object({ cents: z.int(), currency: z.enum(['EUR', 'GBP']) }),
        lines: z.array(z.string()),
        note: z.string().nullish(),
        extra: z.record(z.string(), z.unknown()),
        sku: Sku,
        backTo: Address,
      }),
      output: z.object({}),
    }),
  },
});

/** `at: problem` of each. */
function problemsOf(work: () => unknown): readonly string[] {
  try {
    work();
    return [];
  } catch (error) {
    assert.ok(isServiceError(error), String(error));
    assert.equal(error.reason, 'invalid_policies');
    return (error.details as { at: string; problem: string }[]).map(({ at, problem }) => `${at}: ${problem}`);
  }
}

test('a document that is none is refused as a whole, with every problem at its place', () => {
  const rule = { id: 'fine', effect: 'permit', operations: ['orders.*'] };
  assert.deepEqual(
    problemsOf(() => parsePolicies({ covers: ['orders.*'], rules: [rule] })),
    [],
  );
  const found = problemsOf(() =>
    parsePolicies({
      covers: ['orders'],
      rules: [
        { ...rule, wen: [] },
        rule,
        { ...rule, id: 'Not Kebab', effect: 'allow', operations: [], scopes: ['a b'] },
        { ...rule, id: 'conditions', when: [{ value: 'user.id', equals: 1 }, { value: 'input.a' }] },
        { ...rule, id: 'two', when: [{ value: 'input.a', atLeast: 1, atMost: 2 }] },
        {
          ...rule,
          id: 'sorts',
          when: [
            { value: 'input.a', atLeast: '1' },
            { value: 'input.a', oneOf: [[]] },
          ],
        },
      ],
    }),
  );
  assert.deepEqual(found, [
    "covers.0: only operations such as 'orders.cancelOrder' or 'orders.*' stand here",
    "rules.0: there is no 'wen' here; there are id, effect, operations, services, scopes, when, why",
    'rules.2.id: give it a name of small letters, digits and dashes, at most 64',
    'rules.2.effect: use one of permit, forbid',
    'rules.2.operations: name at least one, or leave it out',
    'rules.2.scopes.0: only scopes stand here',
    "rules.3.when.0.value: use 'caller.service', 'caller.user.id' or a field of the input such as 'input.orderId'",
    'rules.3.when.1: compare in exactly one way: equals, differs, oneOf, atLeast, atMost, present',
    'rules.4.when.0: compare in exactly one way: equals, differs, oneOf, atLeast, atMost, present',
    'rules.5.when.0.atLeast: use a number',
    'rules.5.when.1.oneOf: use a list of at most 1000 texts, numbers, true or false',
    "rules.1.id: rule 0 has the name 'fine' already",
  ]);
  for (const value of [null, 'covers', [], 7, undefined]) {
    assert.deepEqual(
      problemsOf(() => parsePolicies(value)),
      ['the document: give an object with covers, rules'],
    );
  }
});

test('a document must fit the contracts: operations, callers, fields and what they are compared with', () => {
  const check = (rule: object, covers = ['orders.*']) =>
    problemsOf(() =>
      checkPolicies(parsePolicies({ covers, rules: [{ id: 'r', effect: 'permit', ...rule }] }), {
        contracts: [orders],
      }),
    );
  const refund = { operations: ['orders.refund'] };
  const when = (condition: object) => ({ ...refund, when: [condition] });
  assert.deepEqual(check(when({ value: 'input.amount.cents', atMost: 1000 })), []);
  assert.deepEqual(check(when({ value: 'input.amount.currency', oneOf: ['EUR'] })), []);
  assert.deepEqual(check(when({ value: 'input.note', equals: 'x' })), []);
  assert.deepEqual(check(when({ value: 'input.extra.anything', equals: 3 })), []);
  assert.deepEqual(check({ operations: ['orders.refunds'] }), [
    "rules.0 (r).operations.0: 'orders' has no operation 'refunds'; it has getOrder, refund",
  ]);
  assert.deepEqual(check({ operations: ['shop.buy'] }), [
    "rules.0 (r).operations.0: there is no service 'shop'; there are orders",
  ]);
  assert.deepEqual(check({ ...refund, services: ['gateway', 'shop'] }), [
    "rules.0 (r).services.1: there is no service 'shop'",
  ]);
  assert.deepEqual(check(refund, ['orders.getOrder']), [
    "rules.0 (r).operations.0: 'orders.refund' is open to all who may call: add it to 'covers'",
  ]);
  assert.deepEqual(check({ ...refund, effect: 'forbid' }, []), [], 'forbidding needs no cover');
  assert.deepEqual(check(when({ value: 'input.userId', equals: { value: 'caller.user.id' } })), [
    'rules.0 (r).when.0: orders.refund has no input.userId; there are orderId, amount, lines, note, extra, sku, backTo',
  ]);
  assert.deepEqual(check(when({ value: 'input.amount.cents', equals: '1000' })), [
    'rules.0 (r).when.0: input.amount.cents is a number, never a string',
  ]);
  assert.deepEqual(check(when({ value: 'input.orderId', atLeast: 3 })), [
    'rules.0 (r).when.0: input.orderId is a string, never a number',
  ]);
  assert.deepEqual(check(when({ value: 'input.amount.cents', equals: { value: 'caller.user.id' } })), [
    'rules.0 (r).when.0: input.amount.cents is a number, never a string',
  ]);
  assert.deepEqual(check(when({ value: 'input.sku', equals: 'mug' })), []);
  assert.deepEqual(check(when({ value: 'input.backTo.city', equals: 'Bonn' })), []);
  assert.deepEqual(check(when({ value: 'input.sku', equals: 3 })), [
    'rules.0 (r).when.0: input.sku is a string, never a number',
  ]);
  assert.deepEqual(check(when({ value: 'input.backTo', equals: 'Bonn' })), [
    'rules.0 (r).when.0: input.backTo of orders.refund is a list or an object',
  ]);
  assert.deepEqual(check(when({ value: 'input.lines', equals: 'x' })), [
    'rules.0 (r).when.0: input.lines of orders.refund is a list or an object',
  ]);
  assert.deepEqual(
    check({ operations: ['orders.*'], when: [{ value: 'input.userId', equals: 'ann' }] }),
    [
      'rules.0 (r).when.0: orders.refund has no input.userId; there are orderId, amount, lines, note, extra, sku, backTo',
    ],
    'a rule about all operations speaks of fields that all have',
  );
});

test('policies that are written in code are typed by the contracts', () => {
  const document = policies([orders], {
    covers: ['orders.*'],
    rules: [{ id: 'staff', effect: 'permit', operations: ['orders.getOrder'], scopes: ['staff'] }],
  });
  assert.deepEqual(
    document.rules.map(({ id }) => id),
    ['staff'],
  );
  const misspelt = () =>
    // @ts-expect-error orders has no such operation
    policies([orders], { covers: ['orders.getOrders'], rules: [] });
  assert.deepEqual(problemsOf(misspelt), [
    "covers.0: 'orders' has no operation 'getOrders'; it has getOrder, refund",
  ]);
});

test('of a contract that is there in several versions, an operation may be in any, a field must be in each that has the operation', () => {
  const output = z.object({});
  const ring = operation('POST /rings', { input: z.object({}), output });
  const text = operation('POST /texts', { input: z.object({}), output });
  const orderOf = (input: z.ZodObject) => operation('POST /orders', { input, output });
  const contracts = [
    contract('shop', {
      version: '1.0.0',
      operations: { order: orderOf(z.object({ user: z.string(), pin: z.string() })), ring },
    }),
    contract('shop', {
      version: '2.0.0',
      operations: { order: orderOf(z.object({ user: z.string() })), text },
    }),
  ];
  const check = (operations: readonly string[], field: string) =>
    problemsOf(() => {
      const when = [{ value: `input.${field}`, present: true }];
      const rules = operations.map((each) => ({ id: 'rule', effect: 'forbid', operations: [each], when }));
      checkPolicies(parsePolicies({ covers: ['shop.ring', 'shop.text'], rules }), { contracts });
    });
  assert.deepEqual(check(['shop.order'], 'user'), []);
  assert.deepEqual(check(['shop.order'], 'pin'), [
    'rules.0 (rule).when.0: shop.order has no input.pin; there are user',
  ]);
  assert.deepEqual(check(['shop.nothing'], 'user'), [
    "rules.0 (rule).operations.0: 'shop' has no operation 'nothing'; it has order, ring, text",
  ]);
});

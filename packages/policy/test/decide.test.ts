import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPolicySet, type PolicyDocument, type PolicyRule, parsePolicies } from '@banyan/policy';
import { givenPolicies } from '@banyan/policy/testing';
import fc from 'fast-check';

const own: PolicyRule = {
  id: 'own-orders',
  effect: 'permit',
  operations: ['orders.getOrder', 'orders.cancelOrder'],
  services: ['gateway'],
  scopes: ['orders'],
  when: [{ value: 'input.userId', equals: { value: 'caller.user.id' } }],
};
const staff: PolicyRule = {
  id: 'staff',
  effect: 'permit',
  operations: ['orders.*'],
  scopes: ['orders', 'staff'],
};
const frozen: PolicyRule = {
  id: 'frozen-customer',
  effect: 'forbid',
  operations: ['orders.*', 'catalogue.*'],
  when: [{ value: 'caller.user.id', oneOf: ['mallory', 'eve'] }],
};
const shop: PolicyDocument = { covers: ['orders.*'], rules: [own, staff, frozen] };
const ann = { id: 'ann', scopes: ['orders'] };
const input = { userId: 'ann' };

test('what is covered is denied unless a rule permits it, and what is not covered stays open', () => {
  givenPolicies(shop)
    .when('orders.getOrder', { user: ann, input })
    .thenAllowed('own-orders')
    .when('orders.getOrder', { user: ann, input: { userId: 'ben' } })
    .thenDenied()
    .when('orders.listOrders', { user: ann, input })
    .thenDenied()
    .when('catalogue.listProducts', {})
    .thenAllowed();
  const { reason } = createPolicySet(shop).decide({
    operation: 'orders.listOrders',
    caller: { service: 'gateway', user: ann },
    input,
  });
  assert.equal(reason, 'denied: no rule permits it');
});

test('a forbidding rule overrides every permission, and reaches what is not covered', () => {
  const eve = { id: 'eve', scopes: ['orders', 'staff'] };
  givenPolicies(shop)
    .when('orders.getOrder', { user: { ...eve, id: 'ann' }, input })
    .thenAllowed()
    .when('orders.getOrder', { user: eve, input })
    .thenDenied('frozen-customer')
    .when('catalogue.listProducts', { user: eve })
    .thenDenied('frozen-customer');
});

test('a rule asks for every scope, and for the calling service', () => {
  givenPolicies(shop)
    .when('orders.listOrders', { user: { id: 'sue', scopes: ['staff'] } })
    .thenDenied()
    .when('orders.listOrders', { user: { id: 'sue', scopes: ['staff', 'orders'] }, service: 'reports' })
    .thenAllowed('staff')
    .when('orders.getOrder', { user: ann, input, service: 'reports' })
    .thenDenied();
});

test('nothing equals nothing: neither a missing user nor a missing field opens a door', () => {
  const rules: readonly PolicyRule[] = [
    {
      id: 'own',
      effect: 'permit',
      operations: ['files.read'],
      when: [{ value: 'input.owner', equals: { value: 'caller.user.id' } }],
    },
  ];
  const inputs = [{}, { owner: null }, { owner: undefined }, { owner: [] }, { owner: {} }, null, 'owner', []];
  for (const input of inputs) {
    givenPolicies({ covers: ['files.*'], rules })
      .when('files.read', { input })
      .thenDenied();
  }
  // Names that every object inherits are no fields.
  const inherited = {
    ...rules[0],
    id: 'inherited',
    when: [{ value: 'input.constructor.name', present: true }],
  };
  givenPolicies({ covers: ['files.*'], rules: [inherited as PolicyRule] })
    .when('files.read', { input: {} })
    .thenDenied();
});

test('each comparison does what it says', () => {
  const cases: readonly (readonly [PolicyRule['when'] & object, unknown, boolean])[] = [
    [[{ value: 'input.a', equals: 1 }], { a: 1 }, true],
    [[{ value: 'input.a', equals: 1 }], { a: '1' }, false],
    [[{ value: 'input.a', differs: 1 }], { a: 2 }, true],
    [[{ value: 'input.a', differs: 1 }], { a: 1 }, false],
    [[{ value: 'input.a', differs: 1 }], {}, true],
    [[{ value: 'input.a', oneOf: ['x', true] }], { a: true }, true],
    [[{ value: 'input.a', oneOf: [] }], { a: true }, false],
    [[{ value: 'input.a', atLeast: 5 }], { a: 5 }, true],
    [[{ value: 'input.a', atLeast: 5 }], { a: 4.9 }, false],
    [[{ value: 'input.a', atLeast: 5 }], { a: '9' }, false],
    [[{ value: 'input.a', atMost: 5 }], { a: 5 }, true],
    [[{ value: 'input.a', atMost: 5 }], {}, false],
    [[{ value: 'input.a', present: true }], { a: 0 }, true],
    [[{ value: 'input.a', present: false }], { a: 0 }, false],
    [[{ value: 'input.a.b', equals: 'deep' }], { a: { b: 'deep' } }, true],
    [[{ value: 'caller.service', equals: 'gateway' }], {}, true],
    [
      [
        { value: 'input.a', present: true },
        { value: 'input.b', present: true },
      ],
      { a: 1 },
      false,
    ],
  ];
  for (const [when, input, expected] of cases) {
    const rules: readonly PolicyRule[] = [{ id: 'it', effect: 'permit', operations: ['s.o'], when }];
    const tried = givenPolicies({ covers: ['s.*'], rules }).when('s.o', { input });
    if (expected) tried.thenAllowed('it');
    else tried.thenDenied();
  }
});

test('an explanation tells of every rule that names the operation why it does not apply', () => {
  const { decision, covered, rules } = createPolicySet(shop).explain({
    operation: 'orders.getOrder',
    caller: { service: 'gateway', user: { id: 'ben', scopes: ['orders'] } },
    input,
  });
  assert.equal(covered, true);
  assert.deepEqual(decision, { allowed: false, rule: undefined, reason: 'denied: no rule permits it' });
  assert.deepEqual(
    rules.map(({ rule, applies, unless }) => [rule.id, applies, unless]),
    [
      ['own-orders', false, 'it does not hold that input.userId equals caller.user.id'],
      ['staff', false, "the user lacks the scope 'staff'"],
      ['frozen-customer', false, 'it does not hold that caller.user.id oneOf ["mallory","eve"]'],
    ],
  );
});

const scalar = fc.oneof(fc.constantFrom('a', 'b', 'ann'), fc.integer({ min: 0, max: 3 }), fc.boolean());
const reference = fc.constantFrom('input.a', 'input.b', 'caller.user.id', 'caller.service');
const condition = fc.oneof(
  fc.record({ value: reference, equals: fc.oneof(scalar, fc.record({ value: reference })) }),
  fc.record({ value: reference, differs: fc.oneof(scalar, fc.record({ value: reference })) }),
  fc.record({ value: reference, oneOf: fc.array(scalar, { maxLength: 3 }) }),
  fc.record({ value: reference, atLeast: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ value: reference, atMost: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ value: reference, present: fc.boolean() }),
);
const operationName = fc.constantFrom('s.one', 's.two', 't.one', 's.*', 't.*');
const anyDocument = fc
  .record({
    covers: fc.array(operationName, { maxLength: 3 }),
    rules: fc.array(
      fc.record(
        {
          effect: fc.constantFrom('permit', 'forbid'),
          operations: fc.array(operationName, { minLength: 1, maxLength: 2 }),
          services: fc.constantFrom(['gateway'], ['s']),
          scopes: fc.constantFrom(['x'], ['x', 'y']),
          when: fc.array(condition, { maxLength: 2 }),
        },
        { requiredKeys: ['effect', 'operations'] },
      ),
      { maxLength: 6 },
    ),
  })
  .map(({ covers, rules }) => ({ covers, rules: rules.map((rule, at) => ({ id: `r${at}`, ...rule })) }));
const anyRequest = fc.record({
  operation: fc.constantFrom('s.one', 's.two', 't.one'),
  caller: fc.record(
    {
      service: fc.constantFrom('gateway', 's'),
      user: fc.record({ id: fc.constantFrom('ann', 'a'), scopes: fc.subarray(['x', 'y']) }),
    },
    { requiredKeys: ['service'] },
  ),
  input: fc.oneof(fc.record({ a: scalar, b: scalar }, { requiredKeys: [] }), fc.anything()),
});

test('any document decides any call, in any order of its rules, and a forbidding rule never opens anything', () => {
  fc.assert(
    fc.property(anyDocument, anyRequest, (document, request) => {
      const parsed = parsePolicies(JSON.parse(JSON.stringify(document)));
      const { allowed } = createPolicySet(parsed).decide(request);
      const reversed = { ...parsed, rules: parsed.rules.toReversed() };
      assert.equal(createPolicySet(reversed).decide(request).allowed, allowed, 'the order counts');
      for (const without of parsed.rules.filter(({ effect }) => effect === 'forbid')) {
        const fewer = { ...parsed, rules: parsed.rules.filter((rule) => rule !== without) };
        if (allowed)
          assert.ok(createPolicySet(fewer).decide(request).allowed, 'less is forbidden, less is allowed');
      }
      for (const without of parsed.rules.filter(({ effect }) => effect === 'permit')) {
        const fewer = { ...parsed, rules: parsed.rules.filter((rule) => rule !== without) };
        if (!allowed)
          assert.ok(!createPolicySet(fewer).decide(request).allowed, 'less is permitted, more is allowed');
      }
      const closed = createPolicySet({ ...parsed, covers: ['s.*', 't.*'] }).decide(request);
      if (!allowed) assert.ok(!closed.allowed, 'more is covered, more is allowed');
    }),
    { numRuns: 500 },
  );
});

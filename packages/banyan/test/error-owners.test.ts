import assert from 'node:assert/strict';
import { test } from 'node:test';
// A pure function that only the settings use.
import { parseErrorOwners } from '../src/error-owners.ts';

test('owners of errors are named by service, and what is no owner is refused with an example', () => {
  assert.deepEqual(parseErrorOwners(undefined), {});
  assert.deepEqual(parseErrorOwners('orders=ada@example.com, payments = the payments team, __proto__=x=y'), {
    orders: 'ada@example.com',
    payments: 'the payments team',
    ['__proto__']: 'x=y',
  });
  for (const wrong of ['', 'orders', 'orders=', '=ada', 'a=b,,c=d', `a=${'b'.repeat(201)}`])
    assert.throws(
      () => parseErrorOwners(wrong),
      /BANYAN_ERROR_OWNERS takes services with their owners/,
      wrong,
    );
  assert.throws(() => parseErrorOwners('a=b,a=c'), /names 'a' twice/);
});

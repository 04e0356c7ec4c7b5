import assert from 'node:assert/strict';
import { test } from 'node:test';
// Schemas at the edge of the system; the gateway's answers to what they refuse are tested through it.
import { LoginId, NewPassword } from '../authentication/contract.ts';
import { PaymentToken } from '../payment-provider/contract.ts';
import { Address } from '../vocabulary/address.ts';

const accepts = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) =>
  schema.safeParse(value).success;

test('a password has 8 to 200 characters of any kind, counted as code points', () => {
  for (const good of [
    '12345678',
    'ä'.repeat(8),
    '🦉'.repeat(8),
    '        ',
    'x'.repeat(200),
    'a\nb\0cdefg',
  ]) {
    assert.ok(accepts(NewPassword, good), JSON.stringify(good));
  }
  for (const bad of ['', '1234567', '🦉'.repeat(7), 'x'.repeat(201), 12345678, null]) {
    assert.ok(!accepts(NewPassword, bad), JSON.stringify(bad));
  }
});

test('a login id is 3 to 128 visible characters whose searched form stays short', () => {
  for (const good of ['ada', 'ada@example.org', 'Ådå', '李小龙']) assert.ok(accepts(LoginId, good), good);
  for (const bad of ['', 'ab', 'a b c', 'a\0bc', 'x'.repeat(129), '\u202eevil', '\ufdfa'.repeat(100)]) {
    assert.ok(!accepts(LoginId, bad), JSON.stringify(bad));
  }
});

test('card numbers are refused where a token is expected, in any notation', () => {
  for (const bad of [
    '4111111111111111',
    '4111 1111 1111 1111',
    '4111-1111-1111-1111',
    '378282246310005',
    '',
  ]) {
    assert.ok(!accepts(PaymentToken, bad), bad);
  }
  for (const good of ['tok_ok', 'tok_fail_after_charge', 'pm_1N4f8XKq'])
    assert.ok(accepts(PaymentToken, good), good);
});

test('an address is trimmed and its country becomes a code in capitals', () => {
  const address = { street: ' Main St 1 ', postalCode: '12345', city: 'Springfield', country: 'us' };
  assert.deepEqual(Address.parse(address), { ...address, street: 'Main St 1', country: 'US' });
  for (const change of [
    { country: 'Holland' },
    { street: '' },
    { city: 'a\0b' },
    { city: '\ud800' },
    { street: 'x'.repeat(121) },
  ]) {
    assert.ok(!accepts(Address, { ...address, ...change }), JSON.stringify(change));
  }
});

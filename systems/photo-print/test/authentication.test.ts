import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loginKey } from '../authentication/login-key.ts';
// Parts of the authentication service whose timing and parameters do not show through the gateway.
import { createPasswords, decoyHash } from '../authentication/passwords.ts';

const passwords = createPasswords({ maxConcurrent: 2, maxQueued: 10 });

test('a hash fits its password and no other, also beyond 72 bytes', async () => {
  const long = 'p'.repeat(100);
  const hash = await passwords.hash(`${long}a`);
  assert.equal(await passwords.verify(hash, `${long}a`), true);
  assert.equal(await passwords.verify(hash, `${long}b`), false);
});

test('the same letters composed in another way are the same password', async () => {
  const hash = await passwords.hash('Zürich Münster');
  assert.equal(await passwords.verify(hash, 'Zürich Münster'.normalize('NFD')), true);
});

test('hashes are Argon2id with the parameters of the decoy, so that checking it costs the same', async () => {
  const parameters = (hash: string) => hash.split('$').slice(0, 4);
  const hash = await passwords.hash('correct horse');
  assert.deepEqual(parameters(hash), ['', 'argon2id', 'v=19', 'm=19456,t=2,p=1']);
  assert.deepEqual(parameters(decoyHash), parameters(hash));
  assert.equal(decoyHash.length, hash.length);
  assert.equal(await passwords.verify(decoyHash, 'correct horse'), false);
});

test('a hash made with weaker parameters is outdated', async () => {
  assert.equal(passwords.isOutdated(await passwords.hash('correct horse')), false);
  assert.equal(passwords.isOutdated(decoyHash.replace('t=2', 't=1')), true);
});

test('when too many wait, the next is refused instead of taking more memory', async () => {
  const busy = createPasswords({ maxConcurrent: 1, maxQueued: 1 });
  const results = await Promise.allSettled(['one', 'two', 'three'].map((password) => busy.hash(password)));
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  );
  const refused = results[2];
  assert.equal(refused?.status === 'rejected' && refused.reason.code, 'resource_exhausted');
});

test('look-alikes of one login id are one login id', () => {
  for (const alike of ['ada@example.org', 'ADA@Example.org', ' ada@example.org ', 'ａda@example.org']) {
    assert.equal(loginKey(alike), 'ada@example.org');
  }
  assert.notEqual(loginKey('ada'), loginKey('adá'));
});

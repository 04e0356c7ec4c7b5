import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Logger } from '@banyan/banyan';
import { createTestDatabase, temporaryFolder } from '@banyan/testing';
import { createKeyRing, generateSecret } from '../src/keys/key-ring.ts';
import { keyRingOf } from '../src/keys/open-key-ring.ts';
import { generateBoxKey, openBox, sealBox } from '../src/keys/sealed-box.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };

test('what one secret sealed, a ring that has it as an older one opens, in its own place only', () => {
  const [old, next] = [generateSecret(), generateSecret()];
  const sealed = createKeyRing([old]).seal('seed', 'account 1');
  const rotated = createKeyRing([next, old]);
  assert.equal(rotated.open(sealed, 'account 1'), 'seed');
  assert.throws(() => rotated.open(sealed, 'account 2'), { reason: 'sealed_value_damaged' });
  const [keyId = '', body = ''] = sealed.split('.');
  const changed = `${keyId}.${body.startsWith('A') ? 'B' : 'A'}${body.slice(1)}`;
  assert.throws(() => rotated.open(changed, 'account 1'), {
    reason: 'sealed_value_damaged',
  });
  assert.throws(() => createKeyRing([next]).open(sealed, 'account 1'), { reason: 'key_missing' });
  assert.ok(
    rotated.seal('seed', 'account 1').startsWith(`${createKeyRing([next]).newest}.`),
    'new values name the new one',
  );
  assert.notEqual(rotated.seal('seed', 'x'), rotated.seal('seed', 'x'));
});

test('a code of one purpose is none of another', () => {
  const ring = createKeyRing([generateSecret()]);
  const mac = ring.mac('text', 'one');
  assert.equal(ring.macHolds(mac, 'text', 'one'), true);
  assert.equal(ring.macHolds(mac, 'text', 'other'), false);
  assert.equal(ring.macHolds(mac, 'texT', 'one'), false);
  assert.equal(ring.macHolds('', 'text', 'one'), false);
});

test('a sealed box opens with its own key, in its own context, and not when changed', () => {
  const [reader, other] = [generateBoxKey(), generateBoxKey()];
  const box = sealBox('several quiet otters', reader.publicKey, 'attempt 1');
  assert.equal(openBox(box, reader, 'attempt 1'), 'several quiet otters');
  assert.throws(() => openBox(box, reader, 'attempt 2'));
  assert.throws(() => openBox(box, other, 'attempt 1'));
  assert.throws(() => openBox(box, { ...other, publicKey: reader.publicKey }, 'attempt 1'));
  const [ephemeral = '', body = ''] = box.split('.');
  assert.throws(() =>
    openBox(`${ephemeral}.${body.startsWith('A') ? 'B' : 'A'}${body.slice(1)}`, reader, 'attempt 1'),
  );
  assert.throws(() => openBox(`${other.publicKey}.${body}`, reader, 'attempt 1'));
  assert.notEqual(sealBox('x', reader.publicKey, 'y'), sealBox('x', reader.publicKey, 'y'));
});

test('a secret that is short, or no base64url, is refused', () => {
  for (const secret of ['', 'short', 'x'.repeat(42), `${'x'.repeat(43)}!`]) {
    assert.throws(() => createKeyRing([secret]), TypeError, secret);
  }
});

async function openIn(t: TestContext) {
  const folder = await temporaryFolder(t, 'keys');
  const { database } = await createTestDatabase(t);
  await database.sql`create table known_keys (key_id text primary key, first_used_at timestamptz not null default now())`;
  // A configuration of its own each time, as every running instance has.
  const open = (dataFolder: string, keys: readonly string[] = []) =>
    keyRingOf({ config: { keys }, dataFolder, sql: database.sql, log: silent });
  return { folder, open };
}

test('without configuration a secret is made once, for its owner alone, by several instances at the same time', async (t) => {
  const { folder, open } = await openIn(t);
  const data = join(folder, 'data');
  const rings = await Promise.all([open(data), open(data), open(data)]);
  assert.equal(new Set(rings.map(({ newest }) => newest)).size, 1);
  assert.equal((await stat(join(data, 'keys'))).mode & 0o777, 0o600);
  assert.equal((await readFile(join(data, 'keys'), 'utf8')).trim().length, 43);
});

test('an instance without the secret of the data refuses to make one of its own', async (t) => {
  const { folder, open } = await openIn(t);
  await open(join(folder, 'one machine'));
  await assert.rejects(open(join(folder, 'another machine')), { reason: 'key_missing' });
  await assert.rejects(open(folder, [generateSecret()]), { reason: 'key_missing' });
});

test('a secret is replaced by putting a new one in front, and the old one can go when nothing needs it', async (t) => {
  const { folder, open } = await openIn(t);
  const [old, next] = [generateSecret(), generateSecret()];
  const { newest } = await open(folder, [old]);
  const both = await open(folder, [next, old]);
  assert.notEqual(both.newest, newest);
  assert.equal(both.has(newest), true);
  assert.equal((await open(folder, [next])).newest, both.newest);
});

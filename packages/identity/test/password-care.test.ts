import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Sql } from '@banyan/banyan';
import { passwords, passwordsService } from '@banyan/identity';
import { temporaryFolder } from '@banyan/testing';
import { createKeyRing, generateSecret } from '../src/keys/key-ring.ts';
// For records as an earlier configuration wrote them.
import { hashPassword } from '../src/passwords/hashing.ts';
import { readRecord, sealRecord, writeRecord } from '../src/passwords/password-record.ts';
import { cheapHashes, goodPassword, type Identity, startIdentity, tokenIn } from './fixtures/identity.ts';
import { reloadWatched } from './fixtures/watched-database.ts';

const [oldSecret, newSecret] = [generateSecret(), generateSecret()];

interface Care {
  readonly identity: Identity;
  /** What an operator calls. */
  // biome-ignore lint/suspicious/noExplicitAny: each test looks at the answer it gets.
  readonly ask: (operation: string, input?: object) => Promise<any>;
  /** The database of the service, as an intruder has it. */
  readonly sql: Sql;
  readonly backups: string;
}

async function startCare(t: TestContext): Promise<Care> {
  const backups = await temporaryFolder(t, 'backups');
  const environment = { PASSWORDS_BACKUP_FOLDER: backups, PASSWORDS_KEYS: `${newSecret},${oldSecret}` };
  const identity = await startIdentity(t, { environment });
  const sql = await reloadWatched(identity, passwordsService);
  const endpointOf = identity.system.client(passwords, { service: 'authentication', timeoutMs: 30_000 });
  const ask = (name: string, input: object = {}) =>
    (endpointOf as unknown as Record<string, (input: object) => Promise<unknown>>)[name]?.(input) ??
    Promise.reject(name);
  return { identity, ask, sql, backups };
}

test('a changed record signs nobody in; the integrity check names it and a repair from the back-up makes the login work again', async (t) => {
  const { identity, ask, sql } = await startCare(t);
  const { register, signIn } = identity;
  const [victim, intruder, bystander] = [
    await register(),
    await register({ password: 'the intruder knows this' }),
    await register(),
  ];
  const { backupId, records } = await ask('backUp');
  assert.equal(records, 3);
  assert.deepEqual(await ask('checkIntegrity'), { checked: 3, damaged: [], missing: [] });

  // With write access to the table, somebody gives the victim a password that they know.
  await sql`
    update passwords set hash = theirs.hash from passwords theirs
    where passwords.account_id = ${victim.accountId} and theirs.account_id = ${intruder.accountId}`;
  assert.equal((await signIn(victim.loginId, 'the intruder knows this')).json.state, 'open');
  assert.equal((await signIn(victim.loginId)).json.state, 'open');
  await sql`delete from passwords where account_id = ${bystander.accountId}`;
  const report = await ask('checkIntegrity');
  assert.deepEqual(report, { checked: 2, damaged: [victim.accountId], missing: [bystander.accountId] });

  const repair = await ask('repair');
  assert.deepEqual([...repair.repaired].sort(), [victim.accountId, bystander.accountId].sort());
  assert.deepEqual(repair.needRecovery, []);
  assert.equal((await signIn(victim.loginId)).status, 201);
  assert.equal((await signIn(bystander.loginId)).status, 201);
  assert.equal((await signIn(victim.loginId, 'the intruder knows this')).json.state, 'open');
  assert.deepEqual(await ask('checkIntegrity'), { checked: 3, damaged: [], missing: [] });

  await sql`delete from passwords`;
  assert.deepEqual(await ask('restore', { backupId }), { restored: 3 });
  for (const { loginId } of [victim, bystander]) assert.equal((await signIn(loginId)).status, 201);
});

test('a repair brings no old password back: what has changed since the back-up is left to its owner', async (t) => {
  const { identity, ask, sql } = await startCare(t);
  const { register, send, signIn, messagesTo } = identity;
  const { loginId, accountId, email } = await register();
  await send('POST', '/email-verifications', { token: tokenIn((await messagesTo(email))[0]) });
  await ask('backUp');
  const { json } = await signIn(loginId);
  const next = 'some noisy seagulls';
  await send(
    'PUT',
    '/account/password',
    { current: goodPassword, password: next },
    { authorization: `Bearer ${json.token}` },
  );
  await sql`update passwords set hash = 'damaged' where account_id = ${accountId}`;
  assert.deepEqual(await ask('repair'), { repaired: [], needRecovery: [accountId] });
  assert.equal((await signIn(loginId, goodPassword)).json.state, 'open');

  await send('POST', '/password-resets', { loginId });
  const reset = (await messagesTo(email, 3)).find((message) => message.includes('new password'));
  await send('POST', '/password-resets/completion', { token: tokenIn(reset), password: next });
  assert.equal((await signIn(loginId, next)).status, 201);
});

test('a removed password stays removed: it is neither damage nor put back by a repair', async (t) => {
  const { identity, ask } = await startCare(t);
  const { loginId, accountId } = await identity.register();
  await ask('backUp');
  await ask('remove', { accountId });
  assert.equal((await identity.signIn(loginId)).json.state, 'open');
  assert.deepEqual(await ask('checkIntegrity'), { checked: 1, damaged: [], missing: [] });
  assert.deepEqual(await ask('repair'), { repaired: [], needRecovery: [] });
});

test('a back-up shows nothing, and one that is damaged, cut short or moved puts nothing back', async (t) => {
  const { identity, ask, sql, backups } = await startCare(t);
  const { accountId } = await identity.register();
  const { backupId } = await ask('backUp');
  const file = join(backups, `${backupId}.backup`);
  const text = await readFile(file, 'utf8');
  assert.ok(!text.includes(accountId) && !text.includes('argon2id'));
  const [page = '', end = ''] = text.trimEnd().split('\n');
  await sql`delete from passwords`;
  for (const damaged of [
    `${page}\n`,
    `${end}\n`,
    `${end}\n${page}\n`,
    changedAt(text, page.length - 10),
    text.slice(0, -9),
  ]) {
    await writeFile(file, damaged);
    await assert.rejects(ask('restore', { backupId }), { reason: 'damagedBackup' });
  }
  await writeFile(file, text);
  const other = 'a-backup-of-another-day';
  await writeFile(join(backups, `${other}.backup`), text);
  await assert.rejects(ask('restore', { backupId: other }), { reason: 'damagedBackup' });
  await assert.rejects(ask('restore', { backupId: 'there-is-none' }), { reason: 'noSuchBackup' });
  assert.deepEqual(await sql`select 1 from passwords`, []);
  assert.deepEqual(await ask('restore', { backupId }), { restored: 1 });
  assert.deepEqual(
    (await readdir(backups)).filter((name) => name.includes('draft')),
    [],
  );
});

test('copies and other files beside the back-ups are neither listed nor taken for the newest one', async (t) => {
  const { identity, ask, sql, backups } = await startCare(t);
  const { accountId } = await identity.register();
  const { backupId } = await ask('backUp');
  const text = await readFile(join(backups, `${backupId}.backup`), 'utf8');
  for (const name of ['Monday copy', 'z-a-copy-of-it', `${backupId} (1)`])
    await writeFile(join(backups, `${name}.backup`), text);
  const { backups: listed } = await ask('listBackups');
  assert.deepEqual(listed, [{ backupId, bytes: Buffer.byteLength(text) }]);
  await sql`delete from passwords`;
  assert.deepEqual(await ask('repair'), { repaired: [accountId], needRecovery: [] });
});

test('a hash of an older cost and pepper is replaced at the next sign-in, and the password stays the same', async (t) => {
  const { identity, sql } = await startCare(t);
  const { loginId, accountId } = await identity.register();
  const before = createKeyRing([oldSecret]);
  const cost = { memoryKib: 8_192, passes: 2, lanes: 1 };
  const hash = await hashPassword(goodPassword, cost, before.derive(before.newest, 'pepper'));
  await writeRecord(sql, sealRecord({ accountId, hash, pepperKey: before.newest, revision: 1 }, before));

  assert.equal((await identity.signIn(loginId)).status, 201);
  const record = await readRecord(sql, accountId);
  assert.equal(record?.pepperKey, createKeyRing([newSecret]).newest);
  const prefix = `$argon2id$v=19$m=${cheapHashes.PASSWORDS_MEMORY_KIB},t=${cheapHashes.PASSWORDS_PASSES},p=1$`;
  assert.ok(record?.hash?.startsWith(prefix), record?.hash ?? 'none');
  assert.equal((await identity.signIn(loginId)).status, 201);
  assert.equal((await readRecord(sql, accountId))?.hash, record.hash, 'once is enough');
});

/** Not the last character of a line: some of its bits do not count in base64. */
function changedAt(text: string, index: number): string {
  return `${text.slice(0, index)}${text[index] === 'A' ? 'B' : 'A'}${text.slice(index + 1)}`;
}

import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createDatabase, resetSystem } from '@banyan/postgres';
import { startTestServer, temporaryFolder } from '@banyan/testing';
import { runBanyan, startSystem } from '../support/running-system.ts';

const directory = fileURLToPath(new URL('fixtures/members-system/', import.meta.url));
const password = 'several quiet otters';

test('the store of passwords is backed up, checked, repaired and restored beside the running system', async (t) => {
  const { url: adminUrl } = await startTestServer({ alone: true });
  t.after(() => resetSystem({ adminUrl, system: 'members' }));
  const backups = await temporaryFolder(t, 'backups');
  const environment = {
    DATABASE_URL: adminUrl,
    PASSWORDS_BACKUP_FOLDER: backups,
    PASSWORDS_MEMORY_KIB: '8192',
    PASSWORDS_PASSES: '1',
  };
  const system = await startSystem(t, { directory, environment, flags: ['--calm'] });
  const run = async (command: string, ...words: string[]) => {
    const flags = ['--dir', directory, '--data', system.dataFolder];
    const child = runBanyan([command, ...words, ...flags], environment);
    const { code } = await child.exited;
    // On stderr, and on versions of Node that the library does not know yet.
    return { code, output: child.output().replaceAll(/^oidc-provider WARNING:.*\n/gm, '') };
  };
  const passwords = (...words: string[]) => run('passwords', ...words);
  const send = async (method: string, path: string, body: object) => {
    const response = await fetch(`${system.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    // biome-ignore lint/suspicious/noExplicitAny: the test looks into whatever the system answers.
    return { status: response.status, json: (await response.json()) as any };
  };
  const register = async (loginId: string): Promise<string> => {
    const { registration } = (await send('POST', '/registrations', { loginId })).json;
    const step = (name: string) => `/registrations/${registration}/${name}`;
    await send('PUT', step('password'), { password });
    await send('PUT', step('recovery-information'), { name: 'Ada', email: `${loginId}@example.org` });
    const { status, json } = await send('POST', step('confirmation'), {});
    assert.equal(status, 201, JSON.stringify(json));
    return json.accountId;
  };
  const maySignIn = async (loginId: string): Promise<boolean> => {
    const { workflowId } = (await send('POST', '/logins', {})).json;
    return (
      (await send('POST', `/logins/${workflowId}/attempts`, { loginId, password })).json.state === 'succeeded'
    );
  };
  const [ada, bob] = [await register('ada'), await register('bob')];

  const none = await passwords('ls');
  assert.deepEqual([none.code, none.output], [0, 'There are no back-ups.\n']);
  const first = await passwords('backup', '--by', 'ann');
  assert.equal(first.code, 0, first.output);
  assert.match(first.output, /^2 records in back-up \d+-[0-9a-f-]{36}\.\n$/);
  const [file = ''] = await readdir(backups);
  assert.equal((await stat(join(backups, file))).mode & 0o777, 0o600);
  const backupId = file.slice(0, -'.backup'.length);
  assert.match((await passwords('ls')).output, new RegExp(`${backupId} +\\d+`));
  const whole = await passwords();
  assert.deepEqual([whole.code, whole.output], [0, '2 records checked: 0 damaged, 0 missing.\n']);

  const database = await databaseOf(adminUrl, 'passwords');
  t.after(() => database.close());
  await database.sql`update passwords set hash = 'another' where account_id = ${ada}`;
  await database.sql`delete from passwords where account_id = ${bob}`;
  assert.deepEqual([await maySignIn('ada'), await maySignIn('bob')], [false, false]);
  const broken = await passwords('check');
  assert.equal(broken.code, 1);
  assert.equal(broken.output, `1 records checked: 1 damaged, 1 missing.\ndamaged: ${ada}\nmissing: ${bob}\n`);
  const repaired = await passwords('repair', '--by', 'ann', '--json');
  assert.equal(repaired.code, 0, repaired.output);
  assert.deepEqual(new Set(JSON.parse(repaired.output).repaired), new Set([ada, bob]));
  assert.deepEqual([await maySignIn('ada'), await maySignIn('bob')], [true, true]);

  await database.sql`delete from passwords`;
  const unsure = await passwords('restore', backupId);
  assert.equal(unsure.code, 1);
  assert.match(unsure.output, /Nothing was restored/);
  assert.equal(await maySignIn('ada'), false);
  const restored = await passwords('restore', backupId, '--yes', '--by', 'ann');
  assert.deepEqual([restored.code, restored.output], [0, '2 records restored.\n']);
  assert.deepEqual([await maySignIn('ada'), await maySignIn('bob')], [true, true]);

  // What the back-up cannot mend is said, and ends with 1.
  const carol = await register('carol');
  await database.sql`update passwords set hash = 'another' where account_id = ${carol}`;
  const beyond = await passwords('repair');
  assert.equal(beyond.code, 1);
  assert.match(beyond.output, new RegExp(`needs a reset: ${carol}`));

  for (const [words, code, said] of [
    [['restore'], 2, /Name a back-up/],
    [['restore', '../secret', '--yes'], 2, /backupId/],
    [['restore', 'there-is-none', '--yes'], 1, /There is no such back-up/],
    [['mend'], 2, /There is no 'passwords mend'\. Verbs: check, backup, ls, repair, restore/],
  ] as const) {
    const refused = await passwords(...words);
    assert.equal(refused.code, code, refused.output);
    assert.match(refused.output, said);
  }
  const bytes = await readFile(join(backups, file));
  await writeFile(join(backups, file), bytes.subarray(0, -9));
  const damaged = await passwords('restore', backupId, '--yes');
  assert.equal(damaged.code, 1);
  assert.match(damaged.output, /The back-up is damaged/);

  const audit = await run('audit', 'ls', 'passwords', '--user', 'ann', '--json');
  const deeds = JSON.parse(audit.output) as { action: string; outcome: string; subject?: string }[];
  assert.deepEqual(
    deeds.map(({ action, outcome }) => `${action} ${outcome}`),
    ['restore done', 'repair done', 'backUp done'],
  );
  assert.equal(deeds[0]?.subject, backupId);

  // What is refused anyway is answered so, but nobody may think that it is on record.
  await database.sql`alter table banyan.audit rename to audit_away`;
  const offRecord = await passwords('restore', 'there-is-none', '--yes');
  assert.equal(offRecord.code, 1);
  assert.match(offRecord.output, /could not be put on record/);
  await database.sql`alter table banyan.audit_away rename to audit`;
  const said = [none, first, whole, broken, repaired, restored, beyond, damaged, audit];
  for (const { output } of said) assert.doesNotMatch(output, /argon2id|several quiet otters/);
});

async function databaseOf(adminUrl: string, service: string) {
  const admin = createDatabase({ url: adminUrl, maxConnections: 1 });
  try {
    const [found] = await admin.sql<{ name: string }>`
      select datname as name from pg_database where datname like ${`%svc!_${service}`} escape '!'`;
    const url = new URL(adminUrl);
    url.pathname = `/${found?.name}`;
    return createDatabase({ url: url.href, maxConnections: 1 });
  } finally {
    await admin.close();
  }
}

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type AuditLog, createAuditLog, createAuditSealer, type NewAuditRecord } from '@banyan/audit';
import { type Logger, type Sql, silentLogger, systemClock, uuidv7 } from '@banyan/core';
import { createDatabase, migrate, platformMigrations } from '@banyan/postgres';
import { createTestDatabase } from '@banyan/testing';
import fc from 'fast-check';

async function openLog(t: TestContext) {
  const { url, database } = await createTestDatabase(t);
  await migrate(database, platformMigrations.service, { scope: 'banyan' });
  const log = createAuditLog({ database, clock: systemClock });
  const append = (...records: NewAuditRecord[]) => database.tx(({ sql }) => log.append(sql, records));
  /** As the owner of the tables could, who takes the triggers away first. */
  const tamper = (work: (sql: Sql) => Promise<unknown>) =>
    database.tx(async ({ sql }) => {
      for (const table of ['audit', 'audit_seal']) {
        await sql`alter table banyan.${sql.identifier(table)} disable trigger user`;
      }
      await work(sql);
      for (const table of ['audit', 'audit_seal']) {
        await sql`alter table banyan.${sql.identifier(table)} enable trigger user`;
      }
    });
  return { url, database, log, append, tamper };
}

let minute = 0;

function record(action: string, more: Partial<NewAuditRecord> = {}): NewAuditRecord {
  minute += 1;
  const at = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
  const caller = { service: 'gateway', user: { id: 'ann', scopes: [] } };
  return { id: uuidv7(), at, action, outcome: 'done', caller, ...more };
}

async function sealAll(log: AuditLog): Promise<number> {
  let count = 0;
  while ((await log.seal()) !== undefined) count += 1;
  return count;
}

test('what is recorded is found again by who, what, how it ended, and when', async (t) => {
  const { log, append } = await openLog(t);
  const ben = { service: 'gateway', user: { id: 'ben', scopes: ['admin'] } };
  const first = record('placeOrder', {
    subject: 'order-1',
    traceId: 'a'.repeat(32),
    details: { cents: 6170 },
  });
  const second = record('cancelOrder', { subject: 'order-1', outcome: 'refused', caller: ben });
  const third = record('prune', { caller: { service: 'orders' }, outcome: 'failed' });
  await append(first, second);
  await append(third);
  const caller = { service: 'gateway', user: 'ann' };
  assert.deepEqual(await log.list({ user: 'ann', limit: 10 }), [{ ...first, caller }]);
  const found = async (search: Omit<Parameters<AuditLog['list']>[0], 'limit'>, limit = 10) =>
    (await log.list({ ...search, limit })).map(({ action }) => action);
  assert.deepEqual(await found({}), ['prune', 'cancelOrder', 'placeOrder']);
  assert.deepEqual(await found({ subject: 'order-1' }), ['cancelOrder', 'placeOrder']);
  assert.deepEqual(await found({ action: 'prune' }), ['prune']);
  assert.deepEqual(await found({ outcome: 'refused' }), ['cancelOrder']);
  assert.deepEqual(await found({ since: second.at, until: third.at }), ['cancelOrder']);
  assert.deepEqual(await found({}, 2), ['prune', 'cancelOrder']);
  assert.deepEqual(await found({ after: second.id }, 2), ['placeOrder']);
});

test('a record is there if, and only if, its transaction commits', async (t) => {
  const { database, log, append } = await openLog(t);
  await append(record('kept'));
  await assert.rejects(
    database.tx(async ({ sql }) => {
      await log.append(sql, [record('undone')]);
      throw new Error('no');
    }),
    /^Error: no$/,
  );
  assert.deepEqual(
    (await log.list({ limit: 10 })).map(({ action }) => action),
    ['kept'],
  );
  await sealAll(log);
  assert.deepEqual((await log.verify()).findings, []);
});

test('changing, deleting and emptying are refused', async (t) => {
  const { database, log, append } = await openLog(t);
  await append(record('kept'));
  await log.seal();
  const refused = { message: /can be neither changed nor deleted/ };
  const { sql } = database;
  await assert.rejects(
    sql`update banyan.audit set record = replace(record, 'ann', 'ben')`.then(() => {}),
    isRefusal,
  );
  await assert.rejects(
    sql`delete from banyan.audit`.then(() => {}),
    isRefusal,
  );
  await assert.rejects(
    sql`truncate banyan.audit`.then(() => {}),
    isRefusal,
  );
  await assert.rejects(
    sql`delete from banyan.audit_seal`.then(() => {}),
    isRefusal,
  );
  await assert.rejects(
    sql`update banyan.audit_seal set hash = ''`.then(() => {}),
    isRefusal,
  );

  function isRefusal(error: Error): boolean {
    assert.match(String((error.cause as Error | undefined)?.message ?? error.message), refused.message);
    return true;
  }
});

test('seals cover every record once, in the order of their commits or any other', async (t) => {
  const { url, database, log, append } = await openLog(t);
  const other = createDatabase({ url, maxConnections: 2 });
  t.after(() => other.close());
  // Recorded first, committed last.
  let commit = () => {};
  const late = other.tx(async ({ sql }) => {
    await createAuditLog({ database: other, clock: systemClock }).append(sql, [record('late')]);
    await new Promise<void>((resolve) => (commit = resolve));
  });
  while ((await database.sql`select 1 from pg_locks where relation = 'banyan.audit'::regclass`).length === 0);
  for (let index = 0; index < 1_500; index += 500) {
    await append(...Array.from({ length: 500 }, () => record('early')));
  }
  assert.equal(await sealAll(log), 2, '1,500 records are two seals of at most 1,000');
  commit();
  await late;
  assert.deepEqual((await log.verify()).unsealed, 1);
  assert.equal(await sealAll(log), 1);
  assert.equal(await log.seal(), undefined);
  const verdict = await log.verify();
  assert.deepEqual(
    {
      seals: verdict.seals,
      records: verdict.records,
      unsealed: verdict.unsealed,
      findings: verdict.findings,
    },
    { seals: 3, records: 1_501, unsealed: 0, findings: [] },
  );
});

test('two processes that seal at the same time take turns', async (t) => {
  const { url, log, append } = await openLog(t);
  const other = createDatabase({ url });
  t.after(() => other.close());
  const otherLog = createAuditLog({ database: other, clock: systemClock });
  for (let round = 0; round < 50; round += 1) {
    await append(record('one'), record('two'));
    await Promise.all([log.seal(), otherLog.seal(), append(record('meanwhile'))]);
  }
  await sealAll(log);
  const { records, unsealed, findings } = await log.verify();
  assert.deepEqual({ records, unsealed, findings }, { records: 150, unsealed: 0, findings: [] });
});

const tampering: Readonly<Record<string, readonly [(sql: Sql) => Promise<unknown>, RegExp]>> = {
  'a changed record': [
    async (sql) => sql`update banyan.audit set record = replace(record, '"ann"', '"ben"') where seq = 2`,
    /2: does not fit its records/,
  ],
  'a deleted record': [
    async (sql) => sql`delete from banyan.audit where seq = 2`,
    /2: 1 of its records are gone/,
  ],
  'a record moved to another seal': [
    async (sql) => {
      await sql`update banyan.audit_seal set seqs = '{1,2}' where number = 1`;
      await sql`update banyan.audit_seal set seqs = '{}' where number = 2`;
    },
    /1: does not fit/,
  ],
  'a deleted seal': [async (sql) => sql`delete from banyan.audit_seal where number = 2`, /2: missing/],
  'a seal with another time': [
    async (sql) => sql`update banyan.audit_seal set sealed_at = '2020-01-01T00:00:00.000Z' where number = 3`,
    /3: does not fit/,
  ],
  'a record that was put in afterwards': [
    async (sql) =>
      sql`insert into banyan.audit (record) select replace(record, '"id":"0', '"id":"1') from banyan.audit where seq = 1`,
    /undefined: 1 records have no seal and do not wait for one/,
  ],
};

for (const [what, [change, finding]] of Object.entries(tampering)) {
  test(`${what} shows when the log is verified`, async (t) => {
    const { log, append, tamper } = await openLog(t);
    for (const action of ['one', 'two', 'three']) {
      await append(record(action));
      await log.seal();
    }
    assert.deepEqual((await log.verify()).findings, []);
    await tamper(change);
    const findings = (await log.verify()).findings.map(({ seal, problem }) => `${seal}: ${problem}`);
    assert.match(findings.join('\n'), finding);
  });
}

test('what was cut off the end, or made anew as a whole, shows against a head that was kept elsewhere', async (t) => {
  const { log, append, tamper } = await openLog(t);
  for (const action of ['one', 'two', 'three']) {
    await append(record(action));
    await log.seal();
  }
  const { head } = await log.verify();
  assert.equal(head.number, 3);
  await tamper(async (sql) => {
    await sql`delete from banyan.audit where seq = 3`;
    await sql`delete from banyan.audit_seal where number = 3`;
  });
  assert.deepEqual((await log.verify()).findings, [], 'by itself the rest is whole');
  assert.match((await log.verify(head)).findings[0]?.problem ?? '', /the end was cut off/);
  await append(record('anotherThree'));
  await log.seal();
  assert.match((await log.verify(head)).findings[0]?.problem ?? '', /not the one that was kept elsewhere/);
});

test('text that only looks like an escape is recorded as it is', async (t) => {
  const { log, append } = await openLog(t);
  const details = { path: '\\u0000', note: '\\\\ud800 \u{1f382}', [String.raw`\udfff`]: 1 };
  await append(record('rename', { details }));
  assert.deepEqual((await log.list({ limit: 1 }))[0]?.details, details);
});

test('records that are none are refused, and spoil nothing', async (t) => {
  const { log, append } = await openLog(t);
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  const bad: Partial<NewAuditRecord>[] = [
    { action: '' },
    { action: 'has space' },
    { action: 'x'.repeat(129) },
    { outcome: 'maybe' as never },
    { subject: '' },
    { subject: 'line\nbreak' },
    { subject: 'lone \ud800' },
    { subject: 7 as never },
    { details: cycle },
    { details: () => {} },
    { details: 'nul \u0000' },
    { details: { 'nul \u0000': 1 } },
    { details: { note: 'lone \ud800' } },
    { details: [{ 'lone \udfff': 1 }] },
    { caller: { service: 'gateway', user: { id: 'lone \ud800', scopes: [] } } },
    { caller: { service: 'gateway', user: { id: 'nul \u0000', scopes: [] } } },
    { details: 'x'.repeat(16_384) },
  ];
  for (const more of bad) {
    await assert.rejects(append(record('fine', more)), {
      code: 'invalid_argument',
      reason: 'invalid_audit_record',
    });
  }
  assert.deepEqual(await log.list({ limit: 10 }), []);
});

test('whatever JSON the details are, they come back, and the chain holds', async (t) => {
  const { log, append } = await openLog(t);
  const seed = Number(process.env['BANYAN_SEED'] ?? Date.now() % 2 ** 31);
  t.diagnostic(`BANYAN_SEED=${seed}`);
  const withoutNul = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('\\u0000'));
  await fc.assert(
    fc.asyncProperty(
      withoutNul,
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      async (details, text) => {
        const subject = text.replaceAll(/\p{Cc}/gu, '-');
        await append(record('any', { details, subject }));
        const [found] = await log.list({ limit: 1 });
        assert.deepEqual(found?.details, JSON.parse(JSON.stringify(details)));
        assert.equal(found?.subject, subject);
      },
    ),
    { seed, numRuns: 100 },
  );
  await sealAll(log);
  assert.deepEqual((await log.verify()).findings, []);
});

test('a sealer seals what an earlier process left, what comes, and the rest when it stops; each seal is in the log', async (t) => {
  const { log, append } = await openLog(t);
  await append(record('left'));
  const heads: unknown[] = [];
  const logger: Logger = {
    ...silentLogger,
    info: (_, fields) => heads.push([fields?.['seal'], fields?.['hash']]),
  };
  const sealer = createAuditSealer({ log, clock: systemClock, logger, gatherMs: 5 });
  sealer.start();
  const until = async (unsealed: number) => {
    while ((await log.verify()).unsealed !== unsealed);
  };
  await until(0);
  await append(record('came'));
  sealer.poke();
  await until(0);
  await append(record('last'));
  sealer.poke();
  await sealer.stop();
  await sealer.stop();
  const { seals, records, unsealed, head } = await log.verify();
  assert.deepEqual({ seals, records, unsealed }, { seals: 3, records: 3, unsealed: 0 });
  assert.deepEqual(heads.at(-1), [head.number, head.hash]);
});

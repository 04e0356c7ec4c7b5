import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditRecord } from '@banyan/audit';
import { createDatabase, resetSystem } from '@banyan/postgres';
import { startTestServer } from '@banyan/testing';
import { createCustomer } from '../support/customer.ts';
import { photoPrintDirectory, runBanyan, startPhotoPrint } from '../support/running-system.ts';

test('who did what is looked up beside the running system, and a change to it is found', async (t) => {
  const { url: adminUrl } = await startTestServer({ alone: true });
  t.after(() => resetSystem({ adminUrl, system: 'photo-print' }));
  const environment = { DATABASE_URL: adminUrl };
  const system = await startPhotoPrint(t, { environment });
  const audit = async (...words: string[]) => {
    const flags = ['--dir', photoPrintDirectory, '--data', system.dataFolder];
    const run = runBanyan(['audit', ...words, ...flags], environment);
    const { code } = await run.exited;
    return { code, output: run.output() };
  };
  const records = async (...words: string[]) =>
    JSON.parse((await audit('ls', ...words, '--json')).output) as (AuditRecord & { of: string })[];

  const customer = await createCustomer(system.url);
  const wrong = await fetch(`${system.url}/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ loginId: 'nobody', password: 'wrong horse battery' }),
  });
  assert.equal(wrong.status, 401);
  const placed = await customer.placeOrder('tok_ok');
  assert.equal(placed.status, 202);
  const { orderId } = (await placed.json()) as { orderId: string };
  await customer.fetch(`/print-orders/${orderId}/cancellation`, { method: 'POST' });

  const [failed, done] = await records('authentication');
  assert.deepEqual(
    [failed?.action, failed?.outcome, failed?.subject],
    ['createSession', 'refused', 'nobody'],
  );
  assert.deepEqual([done?.action, done?.outcome, done?.of], ['createSession', 'done', 'authentication']);
  assert.match(done?.traceId ?? '', /^[0-9a-f]{32}$/);
  const cancelled = await records('--subject', orderId);
  assert.equal(cancelled.length, 1);
  assert.equal(cancelled[0]?.of, 'orders');
  assert.ok(cancelled[0]?.caller.user, 'the end user is named');
  assert.deepEqual(await records('--outcome', 'refused', '--action', 'createSession'), [failed]);
  const table = await audit('ls', '--limit', '1');
  assert.match(table.output, /at +service +by +action +outcome +subject/);

  const sealed = async () => {
    for (const endMs = Date.now() + 20_000; ; ) {
      const { code, output } = await audit('verify', '--json');
      assert.equal(code, 0, output);
      const verdicts = JSON.parse(output) as {
        of: string;
        unsealed: number;
        head: { number: number; hash: string };
      }[];
      if (verdicts.every(({ unsealed }) => unsealed === 0)) return verdicts;
      assert.ok(Date.now() < endMs, output);
    }
  };
  const head = (await sealed()).find(({ of }) => of === 'authentication')?.head;
  const kept = `${head?.number}:${head?.hash}`;
  const whole = await audit('verify', 'authentication', '--head', kept);
  assert.equal(whole.code, 0, whole.output);
  assert.match(whole.output, /authentication +2 +0 +whole/);

  const [found] = await withDatabase(
    adminUrl,
    (database) => database.sql<{ name: string }>`
      select datname as name from pg_database where datname like '%svc!_authentication' escape '!'`,
  );
  const url = new URL(adminUrl);
  url.pathname = `/${found?.name}`;
  await withDatabase(url.href, (database) =>
    database.tx(async ({ sql }) => {
      await sql`alter table banyan.audit disable trigger user`;
      await sql`update banyan.audit set record = replace(record, 'nobody', 'somebody')`;
    }),
  );
  const broken = await audit('verify');
  assert.equal(broken.code, 1);
  assert.match(broken.output, /authentication +2 +0 +BROKEN/);
  assert.match(broken.output, /authentication: seal \d+: does not fit its records/);
  assert.equal((await audit('verify', '--head', kept)).code, 2);
  assert.equal((await audit('verify', 'authentication', '--head', '1:xyz')).code, 2);
  assert.equal((await audit('ls', '--outcome', 'fine')).code, 2);
});

async function withDatabase<Result>(
  url: string,
  work: (database: ReturnType<typeof createDatabase>) => PromiseLike<Result>,
): Promise<Result> {
  const database = createDatabase({ url, maxConnections: 1 });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

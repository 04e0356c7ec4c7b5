import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AuditRecord } from '@banyan/audit';
import { resetSystem } from '@banyan/postgres';
import { startTestServer, temporaryFolder } from '@banyan/testing';
import { createCustomer } from '../support/customer.ts';
import { photoPrintDirectory, runBanyan, startPhotoPrint } from '../support/running-system.ts';

const closed = {
  covers: ['orders.cancelOrder'],
  rules: [
    {
      id: 'customers',
      effect: 'permit',
      operations: ['orders.cancelOrder'],
      services: ['gateway'],
      scopes: ['customer'],
    },
    {
      id: 'stock-taking',
      effect: 'forbid',
      operations: ['orders.placeOrder', 'orders.cancelOrder'],
      why: 'Nothing may change while the stock is counted.',
    },
  ],
};

test('policies are checked, set, explained and reverted beside the running system, which obeys within 5 s', async (t) => {
  const { url: adminUrl } = await startTestServer({ alone: true });
  t.after(() => resetSystem({ adminUrl, system: 'photo-print' }));
  const environment = { DATABASE_URL: adminUrl };
  const system = await startPhotoPrint(t, { environment, flags: ['--own', 'orders'] });
  const folder = await temporaryFolder(t, 'policies');
  const file = join(folder, 'policies.json');
  const banyan = async (...words: string[]) => {
    const flags = ['--dir', photoPrintDirectory, '--data', system.dataFolder];
    const run = runBanyan([...words, ...flags], environment);
    const { code } = await run.exited;
    return { code, output: run.output() };
  };

  // A document that does not fit is refused as a whole, by the command, with what is wrong.
  await writeFile(file, JSON.stringify({ ...closed, covers: ['orders.cancelOrders'] }));
  for (const verb of ['check', 'set']) {
    const { code, output } = await banyan('policy', verb, '--file', file, '--why', 'stock');
    assert.equal(code, 2, output);
    assert.match(output, /covers\.0: 'orders' has no operation 'cancelOrders'; it has/);
    assert.match(output, /rules\.0 \(customers\)\.operations\.0: 'orders\.cancelOrder' is open/);
  }
  assert.match((await banyan('policy', 'ls')).output, /as the system declares them/);

  await writeFile(file, JSON.stringify(closed));
  assert.match(
    (await banyan('policy', 'check', '--file', file)).output,
    /2 rules, covering orders.cancelOrder/,
  );
  const tried = await banyan('policy', 'explain', 'orders.cancelOrder', '--file', file, '--user', 'ann');
  assert.equal(tried.code, 1);
  assert.match(tried.output, /^denied: denied by rule 'stock-taking'/m);
  assert.match(tried.output, /^customers +permit +the user lacks the scope 'customer'$/m);

  const customer = await createCustomer(system.url);
  assert.equal((await customer.placeOrder('tok_ok')).status, 202);
  const set = await banyan('policy', 'set', '--file', file, '--by', 'olga', '--why', 'stock is counted');
  assert.equal(set.code, 0, set.output);
  assert.match(set.output, /Version 1 is in force/);
  // Somebody who has not seen version 1 undoes nothing of it.
  const late = await banyan('policy', 'set', '--file', file, '--why', 'unaware', '--version', '0');
  assert.equal(late.code, 1, late.output);
  assert.match(late.output, /changed|meanwhile/i);
  assert.equal((await banyan('policy', 'set', '--file', file, '--why', 'x', '--version', 'one')).code, 2);
  const onRecord = await banyan('audit', 'ls', 'banyan', '--subject', 'policies', '--json');
  assert.equal(onRecord.code, 0, onRecord.output);
  assert.deepEqual(
    (JSON.parse(onRecord.output) as AuditRecord[]).map(({ action, caller, details }) => [
      action,
      caller.user,
      details,
    ]),
    [
      [
        'changeDocument',
        'olga',
        {
          version: 1,
          why: 'stock is counted',
          sha256: createHash('sha256').update(JSON.stringify(closed)).digest('hex'),
        },
      ],
    ],
  );
  const verified = await banyan('audit', 'verify', 'banyan');
  assert.equal(verified.code, 0, verified.output);
  assert.match(verified.output, /^banyan +1 +0 +whole +1:/m);
  const path = `/print-orders/${randomUUID()}/cancellation`;
  const refused = await customer.fetch(path, { method: 'POST' });
  const statuses = [refused.status];
  for (const endMs = Date.now() + 5_000; statuses.at(-1) !== 403; ) {
    assert.ok(Date.now() < endMs, `after 5 s: ${statuses.at(-1)}`);
    statuses.push((await customer.fetch(path, { method: 'POST' })).status);
  }
  const denied = await customer.placeOrder('tok_ok');
  assert.equal(denied.status, 403);
  const problem = (await denied.json()) as { reason: string; details?: unknown };
  assert.equal(problem.reason, 'denied_by_policy');
  assert.equal(problem.details, undefined, 'the world does not hear which rule');
  assert.equal((await fetch(`${system.url}/products`)).status, 200, 'what no rule names stays open');

  const { output } = await banyan('audit', 'ls', 'orders', '--outcome', 'denied', '--json');
  const records = JSON.parse(output) as AuditRecord[];
  const placing = records.find(({ action }) => action === 'placeOrder');
  assert.ok(placing?.caller.user, output);
  assert.deepEqual(placing?.details, { reason: 'denied_by_policy', rule: 'stock-taking', version: 1 });

  assert.equal((await banyan('policy', 'set', '--file', file)).code, 2, 'a change needs a reason');
  await writeFile(file, JSON.stringify({ covers: [], rules: [] }));
  assert.equal((await banyan('policy', 'set', '--file', file, '--why', 'counted', '--by', 'olga')).code, 0);
  const reverted = await banyan('policy', 'revert', '1', '--why', 'counted wrongly', '--by', 'piet');
  assert.match(reverted.output, /Version 3 is in force/);
  assert.deepEqual(JSON.parse((await banyan('policy', 'show')).output), closed);
  assert.deepEqual(JSON.parse((await banyan('policy', 'show', '2')).output), { covers: [], rules: [] });
  const changes = await banyan('policy', 'history');
  assert.match(
    changes.output,
    /^3 .* piet +counted wrongly \(version 1 again\)\n2 .* olga +counted\n1 .* olga/m,
  );
  assert.match(
    (await banyan('policy', 'explain', 'orders.placeOrder')).output,
    /denied by rule 'stock-taking'/,
  );
});

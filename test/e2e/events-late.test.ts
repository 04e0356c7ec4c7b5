import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '@banyan/core';
import { createDatabase, createEmbeddedServer, findSystem } from '@banyan/postgres';
import { freePort, lastFirst, temporaryFolder, type Undoing, untilPasses } from '@banyan/testing';
import { assertRefused, type Standing } from '../support/events-answers.ts';
import { runBanyan } from '../support/running-system.ts';
import { atTills, eventsCommand, tillDirectory } from '../support/till-system.ts';

/** Its own PostgreSQL server, because the databases of a system have fixed names. */
async function startPlace(context: Undoing, settings: Readonly<Record<string, string>> = {}) {
  const t = lastFirst(context);
  const folder = await temporaryFolder(t);
  const postgres = createEmbeddedServer({ dataDir: join(folder, 'postgres'), logger: silentLogger });
  const { adminUrl } = await postgres.start();
  t.after(() => postgres.stop());
  const environment = {
    DATABASE_URL: adminUrl,
    BANYAN_SECRET: randomBytes(32).toString('base64url'),
    BANYAN_DATA: folder,
    BANYAN_CALM: '1',
    ...settings,
  };
  /** Resolves with the address when it is ready. */
  const serve = async (...parts: readonly string[]): Promise<string> => (await run(...parts)).url;
  const run = async (...parts: readonly string[]) => {
    const port = await freePort();
    const program = runBanyan(
      ['serve', ...parts, '--dir', tillDirectory, '--port', String(port)],
      environment,
    );
    const stop = async () => {
      program.process.kill('SIGTERM');
      await program.exited;
    };
    t.after(stop);
    const url = `http://127.0.0.1:${port}`;
    await untilPasses(async () => assert.ok((await fetch(`${url}/health/live`)).ok, program.output()));
    return { url, stop };
  };
  return { adminUrl, environment, serve, run };
}

test('a service that is late shows in status, health, metrics and an alarm, and so does its recovery', async (t) => {
  const { adminUrl, environment, serve, run } = await startPlace(t);
  const events = eventsCommand([], environment);
  assertRefused(await events([]), { code: 1, says: /has no databases of 'till-system'/ });
  await (await run('books')).stop();

  const sales = await serve('gateway', 'sales');
  const secret = { ...environment, BANYAN_SECRET: randomBytes(32).toString('base64url') };
  assertRefused(await eventsCommand([], secret)([]), { code: 1, says: /another BANYAN_SECRET/ });
  const tills = atTills(sales);
  await tills.sell('a', [5]);
  // Nobody reads: the event is as old as it is, wherever it stands.
  await untilPasses(async () => {
    const { code, output } = await events(['status', 'books', '--json', '--late-after', '0s']);
    const [books] = JSON.parse(output) as Standing[];
    assert.deepEqual([code, books?.onTime, books?.consumer.lag, books?.consumer.readers], [1, false, 1, 0]);
  });
  assert.equal((await events(['status', 'books', '--late-after', '1h'])).code, 0);

  const books = await serve('books');
  const health = async () =>
    (await (await fetch(`${books}/health/ready`)).json()) as { ready: boolean; events?: { onTime: boolean } };
  const metric = async (name: string) => {
    const text = await (await fetch(`${books}/metrics`)).text();
    return Number(new RegExp(`^${name}\\{[^}]*service="books"[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]);
  };
  // Till 'a' is unknown. Dead is not late: it waits for people, who are told in another way.
  await untilPasses(async () => assert.equal(await metric('banyan_consumer_dead'), 1));
  assert.equal((await events(['status', 'books'])).code, 0);
  assert.deepEqual(await tills.alarms(), []);

  await tills.setTill('b', false);
  await tills.setTill('c', true);
  await tills.sell('b', [5]);
  await tills.sell('c', [5]);
  await untilPasses(async () => assert.deepEqual(await tills.booked('c'), [1]));
  await untilPasses(async () => assert.equal(await metric('banyan_consumer_pending'), 1));
  await makeOlder({ adminUrl, secret: environment.BANYAN_SECRET });
  const late = await events(['status']);
  assert.equal(late.code, 1, late.output);
  assert.match(late.output, /^sales +on time .*\nbooks +LATE /m);
  await untilPasses(async () => {
    const { ready, events: standing } = await health();
    assert.deepEqual([ready, standing?.onTime], [true, false]);
  });
  await untilPasses(async () =>
    assert.deepEqual(await tills.alarms(), [{ invariant: 'consumer', state: 'broken' }]),
  );
  assert.equal(await metric('banyan_consumer_overdue'), 1);
  assert.equal(await metric('banyan_alarms_total'), 1);

  await tills.setTill('b', true);
  await untilPasses(async () => assert.deepEqual(await tills.booked('b'), [1]));
  await untilPasses(async () => assert.equal((await tills.alarms())[1]?.state, 'restored'));
  await untilPasses(async () => assert.equal((await health()).events?.onTime, true));
  assert.equal(await metric('banyan_consumer_overdue'), 0);
  assert.equal((await events([])).code, 0);
});

/** The test cannot wait for a minute: what the books have received is made to have come two minutes ago. */
async function makeOlder({ adminUrl, secret }: { adminUrl: string; secret: string }): Promise<void> {
  const system = await findSystem({ adminUrl, system: 'till-system', services: ['sales', 'books'], secret });
  const database = createDatabase({ url: system?.serviceUrls['books'] ?? '' });
  await database.sql`update banyan.inbox set received_at = received_at - interval '2 minutes'`;
  await database.close();
}

test('what is older than the retention is forgotten, and who had not read it says so', async (t) => {
  // The log with tables of its own.
  const settings = { BANYAN_LOG_RETENTION: '1s', BROKER_URL: 'postgres' };
  const { adminUrl, environment, serve, run } = await startPlace(t, settings);
  const wrong = eventsCommand([], { ...environment, BANYAN_LOG_RETENTION: 'a while' });
  assertRefused(await wrong([]), { code: 1, says: /BANYAN_LOG_RETENTION takes a duration such as 12h/ });
  const broker = eventsCommand([], { ...environment, BROKER_URL: 'nats://127.0.0.1:1' });
  assertRefused(await broker([]), { code: 1, says: /a broker is told in BROKER_URL/ });

  const tills = atTills(await serve('gateway', 'sales'));
  const first = await run('books');
  await tills.setTill('a', true);
  await tills.sell('a', [5]);
  await untilPasses(async () => assert.deepEqual(await tills.booked('a'), [1]));
  await first.stop();
  await tills.sell('a', [5, 5], 2);
  const { BANYAN_SECRET: secret } = environment;
  const system = await findSystem({ adminUrl, system: 'till-system', services: ['sales', 'books'], secret });
  const database = createDatabase({ url: system?.platformUrl ?? '' });
  lastFirst(t).after(() => database.close());
  await untilPasses(async () => {
    const [log] = await database.sql<{ published: number; kept: number }>`
      select pruned_to as published, (select count(*) from banyan.event_log)::int4 as kept from banyan.event_log_state`;
    assert.deepEqual(log, { published: 3, kept: 0 });
  });
  const { url: books } = await run('books');
  await untilPasses(async () => {
    const health = (await (await fetch(`${books}/health/ready`)).json()) as { events?: { failing?: string } };
    assert.equal(health.events?.failing, 'position_lost');
  });
  const sure = await eventsCommand([], environment)(['replay', 'books', '--from', 'start', '--yes']);
  assert.equal(sure.code, 0, sure.output);
  // What is sold before it reads again may be forgotten by then.
  let number = 4;
  await untilPasses(async () => {
    await tills.sell('a', [5], number);
    number += 1;
    assert.ok((await tills.booked('a')).length > 1);
  });
  assert.ok((await tills.booked('a')).every((booked) => booked === 1 || booked > 3));
});

test('a system of another version, or of none yet, is looked at without changing it', async (t) => {
  const { adminUrl, environment, serve } = await startPlace(t);
  const events = eventsCommand([], environment);
  await serve('sales');
  // Its database is there, and it has never been started.
  assertRefused(await events(['status', 'books']), {
    code: 1,
    says: /books: .*0001-create-outbox\.sql was not applied/,
  });
  assert.equal((await events(['status', 'sales'])).code, 0);

  const services = ['sales', 'books'];
  const { BANYAN_SECRET: secret } = environment;
  const system = await findSystem({ adminUrl, system: 'till-system', services, secret });
  for (const url of [system?.platformUrl ?? '', system?.serviceUrls['sales'] ?? '']) {
    const database = createDatabase({ url });
    lastFirst(t).after(() => database.close());
    const { sql } = database;
    const applied = () => sql<{ number: number; name: string; checksum: string }>`
      select number, name, checksum from banyan.applied_migrations where scope = 'banyan' order by number`;
    const before = [...(await applied())];
    const last = before.at(-1);
    assert.ok(last !== undefined);
    await sql`delete from banyan.applied_migrations where scope = 'banyan' and number = ${last.number}`;
    const older = new RegExp(`older than this program: ${last.name} was not applied`);
    assertRefused(await events(['status', 'sales']), { code: 1, says: older });
    assert.deepEqual([...(await applied())], before.slice(0, -1));
    const future = { number: last.number + 1, name: `${last.number + 1}-from-the-future.sql`, checksum: '' };
    for (const record of [last, future])
      await sql`insert into banyan.applied_migrations ${sql.rows([{ scope: 'banyan', ...record }])}`;
    assertRefused(await events(['status', 'sales']), {
      code: 1,
      says: /from-the-future.*deploy the newer code/,
    });
    await sql`delete from banyan.applied_migrations where number = ${future.number}`;
  }
  assert.equal((await events(['status', 'sales'])).code, 0);
});

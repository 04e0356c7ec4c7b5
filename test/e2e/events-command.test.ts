import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '@banyan/core';
import type { DeadLetter } from '@banyan/events';
import { createDatabase, createEmbeddedServer, findSystem } from '@banyan/postgres';
import { lastFirst, temporaryFolder, type Undoing, untilPasses } from '@banyan/testing';
import { runBanyan, startSystem } from '../support/running-system.ts';
import { atTills, eventsCommand, type Outcome, tillDirectory } from '../support/till-system.ts';

interface Standing {
  readonly service: string;
  readonly outbox: { readonly count: number };
  readonly consumer: { readonly lag: number; readonly readers: number; readonly dead: number };
  readonly onTime: boolean;
}

/** What a command says when it cannot do what it was asked for: one line, no stack. */
function assertRefused({ code, output }: Outcome, expected: { code: number; says: RegExp }): void {
  assert.equal(code, expected.code, output);
  assert.match(output, expected.says);
  assert.match(output, /^banyan: .*\n$/);
}

test('dead letters are found, repaired, retried and discarded while the system runs', async (t) => {
  // A log of its own, which can be published to again.
  const environment = { BROKER_URL: 'postgres' };
  const system = await startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment });
  const tills = atTills(system.url);
  const events = eventsCommand(['--data', system.dataFolder], environment);
  const deadLetters = async () => {
    const { code, output } = await events(['dead', 'books', '--json']);
    assert.equal(code, 0, output);
    return (JSON.parse(output) as { received: DeadLetter[] }).received;
  };

  await t.test('a healthy system is on time', async () => {
    await tills.setTill('a', true);
    await tills.sell('a', [5, 5]);
    await untilPasses(async () => assert.deepEqual(await tills.booked('a'), [1, 2]));
    const [table, json, dead] = await Promise.all([
      events([]),
      events(['status', 'books', '--json']),
      events(['dead', 'books']),
    ]);
    assert.equal(table.code, 0, table.output);
    assert.match(
      table.output,
      /^log: postgres:.*12 partitions\n\nservice .*\n.*\nsales +on time .*\nbooks +on time /,
    );
    const [books] = JSON.parse(json.output) as Standing[];
    assert.deepEqual([books?.service, books?.onTime, books?.consumer.dead], ['books', true, 0]);
    assert.deepEqual(dead, { code: 0, output: 'No dead letters.\n' });
  });

  await t.test('poison in the middle of a key stops this key alone, until its data is repaired', async () => {
    await tills.sell('a', [5, -1, 5, 5], 3);
    const [letter] = await untilPasses(async () => {
      const letters = await deadLetters();
      assert.equal(letters[0]?.waiting, 2);
      return letters as [DeadLetter];
    });
    await tills.setTill('b', true);
    await tills.sell('b', [5, 5]);
    await untilPasses(async () => assert.deepEqual(await tills.booked('b'), [1, 2]));
    assert.deepEqual(await tills.booked('a'), [1, 2, 3]);
    const [table, shown] = await Promise.all([
      events(['dead', 'books']),
      events(['show', 'books', letter.id]),
    ]);
    assert.match(
      table.output,
      new RegExp(
        `^${letter.id} +sales\\.sold +sales/a +\\S+Z +1 +2 +.*cannot be kept of an amount of -1`,
        'm',
      ),
    );
    const { event, stack } = JSON.parse(shown.output) as DeadLetter;
    assert.deepEqual(event?.data, { till: 'a', number: 4, amount: -1 });
    assert.match(stack ?? '', /at .*till-system\/system\.ts/);
    const file = join(await temporaryFolder(t), 'sale.json');
    await writeFile(file, '{ "till": "a", "number": 4, "amount": ');
    assertRefused(await events(['edit', 'books', letter.id, '--file', file]), { code: 2, says: /no JSON/ });
    await writeFile(file, '{ "till": "a", "number": 4, "amount": 1 }');
    const edited = await events(['edit', 'books', letter.id, '--file', file, '--by', 'ann']);
    assert.deepEqual(edited, { code: 0, output: '1 delivered again, with the new data.\n' });
    await untilPasses(async () => assert.deepEqual(await tills.booked('a'), [1, 2, 3, 4, 5, 6]));
  });

  await t.test(
    'what was mended elsewhere is retried, what nobody wants is discarded, and the audit knows who',
    async () => {
      await tills.sell('c', [5, 5]);
      const [unknown] = await untilPasses(async () => {
        const letters = await deadLetters();
        assert.equal(letters[0]?.waiting, 1);
        return letters as [DeadLetter];
      });
      await tills.setTill('c', true);
      const words = ['books', unknown.id, '--by', 'ben'];
      assert.deepEqual(await events(['retry', ...words]), { code: 0, output: '1 delivered again.\n' });
      await untilPasses(async () => assert.deepEqual(await tills.booked('c'), [1, 2]));
      assertRefused(await events(['retry', ...words]), {
        code: 1,
        says: new RegExp(`no dead letter '${unknown.id}'`),
      });

      await tills.sell('c', [0, -7, 5], 3);
      const first = await untilPasses(async () => {
        const letters = await deadLetters();
        assert.equal(letters[0]?.waiting, 2);
        return letters[0]?.id ?? '';
      });
      const unsure = await events(['discard', 'books', first]);
      assert.equal(unsure.code, 1);
      assert.match(unsure.output, /Nothing was discarded/);
      assert.equal((await deadLetters())[0]?.id, first);
      const sure = await events(['discard', 'books', first, '--yes', '--by', 'cleo']);
      assert.deepEqual(sure, { code: 0, output: '1 discarded.\n' });
      const second = await untilPasses(async () => {
        const letters = await deadLetters();
        assert.equal(letters.length, 1);
        return letters[0]?.id ?? '';
      });
      const repaired = '{ "till": "c", "number": 4, "amount": 7 }';
      assert.equal((await events(['edit', 'books', second, '--file', '-', '--by', 'dan'], repaired)).code, 0);
      await untilPasses(async () => assert.deepEqual(await tills.booked('c'), [1, 2, 4, 5]));
      const audit = JSON.parse((await events(['audit', 'books', '--json'])).output) as {
        by: string;
        action: string;
        subject: string;
        before?: { data?: unknown };
      }[];
      assert.deepEqual(
        audit.map(({ by, action }) => `${by} ${action}`),
        ['dan edit', 'cleo discard', 'ben retry', 'ann edit'],
      );
      assert.deepEqual(audit[1]?.before?.data, { till: 'c', number: 3, amount: 0 });
      assert.match((await events(['audit', 'books', '--limit', '1'])).output, /dan +edit/);
    },
  );

  await t.test('all dead letters are retried, or discarded, at once', async () => {
    await tills.sell('d', [5]);
    await tills.sell('e', [-1]);
    const bothDead = () => untilPasses(async () => assert.equal((await deadLetters()).length, 2));
    await bothDead();
    await tills.setTill('d', true);
    const retried = await events(['retry', 'books', '--all']);
    assert.deepEqual(retried, { code: 0, output: '2 delivered again.\n' });
    await untilPasses(async () => assert.deepEqual(await tills.booked('d'), [1]));
    await tills.sell('d', [-1], 2);
    await bothDead();
    const discarded = await events(['discard', 'books', '--all', '--yes']);
    assert.deepEqual(discarded, { code: 0, output: '2 discarded.\n' });
    assert.deepEqual(await events(['discard', 'books', '--all']), { code: 0, output: '0 discarded.\n' });
  });

  await t.test('publishing again doubles nothing; a replay runs handlers again', async () => {
    const before = await tills.booked('b');
    const again = await events(['republish', '--all', '--since', '1h']);
    assert.equal(again.code, 0, again.output);
    assert.match(again.output, /^sales: 16 events since .* are published again\.\nbooks: 0 events/);
    await tills.sell('b', [5], 3);
    await untilPasses(async () => {
      const [sales, books] = JSON.parse((await events(['--json'])).output) as Standing[];
      assert.deepEqual([sales?.outbox.count, books?.consumer.lag], [0, 0]);
    });
    await untilPasses(async () => assert.deepEqual(await tills.booked('b'), [...before, 3]));

    const unsure = await events(['replay', 'books', '--from', 'start']);
    assert.equal(unsure.code, 1);
    assert.match(unsure.output, /Nothing is replayed/);
    const sure = await events(['replay', 'books', '--from', 'start', '--topic', 'sales.sold', '--yes']);
    assert.deepEqual(sure, { code: 0, output: 'books reads sales.sold again.\n' });
    await untilPasses(async () => assert.deepEqual(await tills.booked('b'), [1, 2, 3, 1, 2, 3]));
  });

  await t.test('what cannot be done is one line', async () => {
    const wrong: readonly (readonly [words: string, code: number, says: RegExp])[] = [
      ['status nobody', 2, /no service 'nobody' with a database; the system has sales, books/],
      ['show books nothing', 1, /no dead letter 'nothing'/],
      ['discard books nothing --yes', 1, /no dead letter 'nothing'/],
      ['retry books', 2, /--all/],
      ['edit books nothing --file /dev/null', 1, /no dead letter/],
      ['republish books --since yesterday', 2, /--since takes a time such as .*not 'yesterday'/],
      ['replay books --from 2026-13-01T00:00:00Z', 2, /--from takes a time/],
      [
        'replay books --from start --topic sales.bought',
        2,
        /does not listen to sales\.bought; .*sales\.sold/,
      ],
      ['dead books --limit 0', 2, /--limit must be a whole number from 1/],
      ['status --late-after soon', 2, /--late-after takes a duration/],
      ['frob', 2, /no 'events frob'.*status, dead/],
    ];
    // A few at a time: each is a process.
    for (let from = 0; from < wrong.length; from += 4)
      await Promise.all(
        wrong
          .slice(from, from + 4)
          .map(async ([words, code, says]) => assertRefused(await events(words.split(' ')), { code, says })),
      );
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

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

test('a system that does not run here is said so, and nothing is made', async (t) => {
  const data = join(await temporaryFolder(t), 'data');
  const environment = { DATABASE_URL: '', BANYAN_DATA: '', BANYAN_SECRET: '' };
  const outcome = await eventsCommand(['--data', data], environment)([]);
  assertRefused(outcome, { code: 1, says: /not running here.*banyan up/ });
  assert.equal(existsSync(data), false);
  const server = { ...environment, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
  assertRefused(await eventsCommand(['--data', data], server)([]), { code: 1, says: /Set BANYAN_SECRET/ });
  const silent = { ...server, BANYAN_SECRET: randomBytes(32).toString('base64url') };
  assertRefused(await eventsCommand(['--data', data], silent)([]), {
    code: 1,
    says: /database cannot be reached/,
  });
});

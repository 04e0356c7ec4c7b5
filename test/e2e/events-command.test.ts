import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DeadLetter } from '@banyan/events';
import { temporaryFolder, untilPasses } from '@banyan/testing';
import { assertRefused, type Standing } from '../support/events-answers.ts';
import { startSystem } from '../support/running-system.ts';
import { atTills, eventsCommand, tillDirectory } from '../support/till-system.ts';

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
    says: /PostgreSQL at 127\.0\.0\.1:1 \(DATABASE_URL\) does not answer: ECONNREFUSED/,
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBroker } from '@banyan/banyan';
import { type Sql, silentLogger, systemClock } from '@banyan/core';
import { type CloudEvent, createRelay } from '@banyan/events';
import { createPostgresInbox, createPostgresOutbox, openPostgresEventLog } from '@banyan/postgres';
import { until } from '@banyan/testing';
import { createCountedConsumer } from '../../packages/postgres/test/events/counted-consumer.ts';
import {
  assertCounted,
  createCountedTables,
  emitCounted,
  readEffects,
  tally,
} from '../../packages/postgres/test/events/counted-events.ts';
import {
  createPlatformDatabase,
  createServiceDatabase,
} from '../../packages/postgres/test/events/events-databases.ts';
import { enginesUnderTest } from '../support/engines.ts';
import { seed } from '../support/random.ts';

const keys = ['a', 'b', 'c', 'd', 'e'];
const poison = { key: 'b', number: 10 };

/** The handler refuses one event in the middle of a key, in a batch and alone, until it is repaired. */
for (const { name, broker, skip, clear } of enginesUnderTest(`poison-${seed}`)) {
  test(`a poison event in the middle of a key: others flow, and after repair the key continues in order on ${name}`, {
    skip,
  }, async (t) => {
    const { database } = await createServiceDatabase(t);
    const { database: platform } = await createPlatformDatabase(t);
    await createCountedTables(database.sql);
    const outbox = createPostgresOutbox(database);
    const inbox = createPostgresInbox(database);
    const given = await openBroker(broker, { clock: systemClock, logger: silentLogger });
    const log = given ?? (await openPostgresEventLog(platform));
    let isRepaired = false;
    const refuse = ({ subject, data }: CloudEvent) => {
      const { number } = data as { readonly number: number };
      const isPoison = subject === poison.key && number === poison.number && !isRepaired;
      return isPoison ? new TypeError('the handler chokes on it') : undefined;
    };
    const relay = createRelay({ outbox, log, owner: 'orders-1', pollIntervalMs: 20 });
    const consumers = ['orders-1', 'orders-2'].map((instance) =>
      createCountedConsumer({ database, log, inbox, instance, refuse, maxAttempts: 2 }),
    );
    t.after(async () => {
      await Promise.all([relay.stop(), ...consumers.map((consumer) => consumer.stop())]);
      await log.close();
      await clear();
    });
    const emit = async (count: number) => {
      for (let round = 0; round < count; round += 1) {
        for (const key of keys) await emitCounted(database, outbox, { key, isRolledBack: false });
      }
    };
    await emit(20);
    relay.start();
    for (const consumer of consumers) await consumer.start();
    const others = keys.filter((key) => key !== poison.key);
    await until(async () => (await inbox.counts()).dead === 1, 'the poison is a dead letter');
    // Some come when it is dead.
    await emit(5);
    await until(
      async () => (await numbersOf(database.sql, others)).length === others.length * 25,
      'the other keys flow',
    );
    assert.equal((await numbersOf(database.sql, [poison.key])).length, poison.number - 1);
    const [letter] = await until(async () => {
      const letters = await inbox.deadLetters(10);
      return letters[0]?.waiting === 25 - poison.number && letters;
    }, 'later events of the key wait behind it');
    assert.match(letter?.reason ?? '', /the handler chokes on it/);
    assert.equal(letter?.attempts, 2);

    isRepaired = true;
    assert.equal(await inbox.retryDeadLetters([letter.id], 'ann'), 1);
    const expected = await tally(database.sql);
    await until(
      async () => (await readEffects(database.sql)).length >= expected.total,
      'everything has its effect',
    );
    assertCounted(await readEffects(database.sql), expected);
    const { pending, dead, waiting } = await inbox.counts();
    assert.deepEqual([pending, dead, waiting], [0, 0, 0]);
  });
}

async function numbersOf(sql: Sql, wanted: readonly string[]): Promise<readonly number[]> {
  const effects = await readEffects(sql);
  return effects.filter(({ key }) => wanted.includes(key)).map(({ number }) => number);
}

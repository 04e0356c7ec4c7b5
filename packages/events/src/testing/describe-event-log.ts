import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { CloudEvent } from '../cloud-event.ts';
import type { EventLog, LogPosition } from '../event-log.ts';
import { eventually, sampleEvent, valuesOf } from './samples.ts';

export interface EventLogFixture {
  readonly log: EventLog;
  /** Another handle on the same log, as another process would have. */
  readonly other: EventLog;
  close(): Promise<void>;
}

const topics = ['orders.placed'];

/** The conformance suite of {@link EventLog}. */
export function describeEventLog(name: string, create: () => Promise<EventLogFixture>): void {
  describe(`event log on ${name}`, () => {
    let fixture: EventLogFixture;
    beforeEach(async () => {
      fixture = await create();
    });
    afterEach(() => fixture.close());

    test('gives back what was published, oldest first, page by page', async () => {
      const { log } = fixture;
      const events = [1, 2, 3, 4, 5].map((value) => sampleEvent('a', value));
      await log.publish(events.slice(0, 2));
      await log.publish(events.slice(2));
      const first = await log.read(topics, undefined, 2);
      assert.deepEqual(first.events, events.slice(0, 2));
      assert.equal(first.more, true);
      const rest = await log.read(topics, first.position, 10);
      assert.deepEqual(rest.events, events.slice(2));
      assert.deepEqual((await log.read(topics, rest.position, 10)).events, []);
    });

    test('keeps data as it is, whatever it holds', async () => {
      const { log, other } = fixture;
      const value = {
        nul: '\0',
        half: '\ud800',
        emoji: '🌳',
        deep: [[[{}]]],
        big: 'x'.repeat(200_000),
        zero: -0.5,
      };
      const event = sampleEvent('key with \'quotes\', "more" and {braces}, \\ and 木', value);
      await log.publish([event]);
      assert.deepEqual((await other.read(topics, undefined, 10)).events, [event]);
    });

    test('adds an event once, however often it is published', async () => {
      const { log, other } = fixture;
      const [a, b, c] = ['a', 'b', 'c'].map((key) => sampleEvent(key, key)) as [
        CloudEvent,
        CloudEvent,
        CloudEvent,
      ];
      await log.publish([a, b]);
      await other.publish([b, c, c]);
      await log.publish([a, b, c]);
      assert.deepEqual((await log.read(topics, undefined, 10)).events, [a, b, c]);
    });

    test('gives only the topics asked for, and moves past the others', async () => {
      const { log } = fixture;
      await log.publish([
        sampleEvent('a', 1, 'orders.placed'),
        sampleEvent('a', 2, 'orders.cancelled'),
        sampleEvent('a', 3, 'orders.placed'),
        sampleEvent('a', 4, 'orders.cancelled'),
      ]);
      const placed = await log.read(['orders.placed'], undefined, 10);
      assert.deepEqual(valuesOf(placed.events), [1, 3]);
      assert.equal(placed.position, await log.latest());
      const both = await log.read(['orders.cancelled', 'orders.placed'], undefined, 10);
      assert.deepEqual(valuesOf(both.events), [1, 2, 3, 4]);
      assert.deepEqual((await log.read(['orders.other'], undefined, 10)).events, []);
    });

    test('starts behind the newest event at `latest`', async () => {
      const { log } = fixture;
      await log.publish([sampleEvent('a', 'old')]);
      const position = await log.latest();
      await log.publish([sampleEvent('a', 'new')]);
      assert.deepEqual(valuesOf((await log.read(topics, position, 10)).events), ['new']);
    });

    test('publishing nothing changes nothing', async () => {
      const { log } = fixture;
      await log.publish([]);
      assert.deepEqual((await log.read(topics, undefined, 10)).events, []);
    });

    test('a reader that follows concurrent publishers misses nothing, sees nothing twice, and keeps the order of each', async () => {
      const { log, other } = fixture;
      const publishers = 4;
      const batches = 40;
      let isDone = false;
      const publishing = Promise.all(
        Array.from({ length: publishers }, async (_, publisher) => {
          for (let batch = 0; batch < batches; batch += 1) {
            const events = [0, 1, 2].map((part) =>
              sampleEvent(`p${publisher}`, `${publisher}:${batch * 3 + part}`),
            );
            await (publisher % 2 === 0 ? log : other).publish(events);
          }
        }),
      ).then(() => {
        isDone = true;
      });
      const seen: string[] = [];
      let position: LogPosition | undefined;
      for (let isLast = false; !isLast; ) {
        isLast = isDone;
        const page = await other.read(topics, position, 7);
        isLast &&= !page.more && page.events.length === 0;
        position = page.position;
        seen.push(...(valuesOf(page.events) as string[]));
      }
      await publishing;
      assert.equal(seen.length, publishers * batches * 3);
      for (let publisher = 0; publisher < publishers; publisher += 1) {
        const own = seen.filter((value) => value.startsWith(`${publisher}:`));
        const expected = Array.from({ length: batches * 3 }, (_, number) => `${publisher}:${number}`);
        assert.deepEqual(own, expected);
      }
    });

    test('wakes listeners of this and other handles until they unsubscribe', async () => {
      const { log, other } = fixture;
      const heard: string[] = [];
      const ends = [log, other].map((handle, index) => handle.onAppend(() => heard.push(`handle ${index}`)));
      await log.publish([sampleEvent('a')]);
      await eventually(
        () => heard.includes('handle 0') && heard.includes('handle 1'),
        'both handles were woken',
      );
      for (const end of ends) end();
      heard.length = 0;
      let isAwake = false;
      const end = other.onAppend(() => {
        isAwake = true;
      });
      await log.publish([sampleEvent('b')]);
      await eventually(() => isAwake, 'the listener that stayed was woken');
      end();
      assert.deepEqual(heard, []);
    });
  });
}

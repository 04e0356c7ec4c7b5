import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogLine, TelemetryStore } from '@banyan/telemetry-store';
import { type GivenSpan, givenStore, hexId, resourceOf, spansRequest } from './given.ts';

const startUs = 1_795_000_000_000_000;
const windowUs = 3_000_000_000;
const window = { fromUs: startUs, toUs: startUs + windowUs };
const limit = 10;
/** Everything has `gold`, and all but some also `card`: each must be taken apart to see that it is none of these. */
const text = 'gold -card';
const noteOf = (index: number) => (index % 6_000 === 17 ? 'gold' : 'gold card');

interface Answer<Item> {
  readonly items: readonly Item[];
  readonly next?: string;
  readonly searchedTo?: string;
}

/** Every answer, as each says how to go on. */
async function answersOf<Item>(
  search: (after: string | undefined) => Promise<Answer<Item>>,
): Promise<readonly Answer<Item>[]> {
  const answers: Answer<Item>[] = [];
  let after: string | undefined;
  do {
    const answer = await search(after);
    answers.push(answer);
    assert.notEqual(answer.next, after ?? '', 'an answer goes on where it began');
    after = answer.next;
  } while (after !== undefined);
  return answers;
}

/** What answers promise who reads them one by one. */
function assertHonest<Item>(answers: readonly Answer<Item>[], timeOf: (item: Item) => string): void {
  const stopped = answers.filter(({ searchedTo }) => searchedTo !== undefined);
  assert.ok(stopped.length > 0, 'no search has stopped before its end');
  for (const { items, next, searchedTo } of answers) {
    if (searchedTo !== undefined) {
      assert.notEqual(next, undefined);
      for (const item of items) assert.ok(timeOf(item) >= searchedTo);
    } else if (next !== undefined) assert.equal(items.length, limit);
  }
  const marks = stopped.map(({ searchedTo = '' }) => searchedTo);
  assert.deepEqual(marks, marks.toSorted().toReversed());
}

const lineCount = 42_000;

/** Most in the order of time; every tenth request brings lines of any time, as from a process that was cut off. */
async function givenLines(store: TelemetryStore): Promise<readonly { at: number; message: string }[]> {
  const lines: { at: number; message: string }[] = [];
  for (let from = 0; from < lineCount; from += 1_000) {
    const isLate = (from / 1_000) % 10 === 9;
    const part = Array.from({ length: 1_000 }, (_, place) => {
      const index = from + place;
      const share = isLate ? (index * 7_919) % lineCount : index;
      return {
        at: startUs + Math.floor((share / lineCount) * windowUs),
        message: `${noteOf(index)} ${index}`,
      };
    });
    lines.push(...part);
    const logRecords = part.map(({ at, message }) => ({
      severityNumber: 9,
      body: { stringValue: message },
      timeUnixNano: `${at}000`,
    }));
    store.receive('logs', {
      resourceLogs: [{ resource: resourceOf('orders'), scopeLogs: [{ logRecords }] }],
    });
    await store.flush();
  }
  return lines;
}

test('a search for lines that has read enough says how far it got, and going on finds each once', async (t) => {
  const { store } = await givenStore(t);
  const lines = await givenLines(store);
  const answers = await answersOf<LogLine>(async (after) => {
    const { lines: items, ...rest } = await store.searchLogs({ ...window, limit, text, after });
    return { items, ...rest };
  });
  const wanted = lines.filter(({ message }) => !message.includes('card')).sort((a, b) => b.at - a.at);
  assert.deepEqual(
    answers.flatMap(({ items }) => items.map(({ message }) => message)),
    wanted.map(({ message }) => message),
  );
  assertHonest(answers, ({ at }) => at);
});

const traceCount = 9_000;
const spansPerTrace = 4;

/** Traces in the order of time. Of some, the last span begins half an hour after the first, and comes with those of its own time. */
async function givenTraces(store: TelemetryStore): Promise<readonly { traceId: string; startUs: number }[]> {
  const longUs = 1_800_000_000;
  const spans: GivenSpan[] = [];
  const wanted: { traceId: string; startUs: number }[] = [];
  for (let trace = 0; trace < traceCount; trace += 1) {
    const beginUs = startUs + Math.floor((trace / traceCount) * (windowUs - longUs));
    const traceId = hexId(32, trace + 1);
    const isLong = trace % 3_000 < 3;
    const note = noteOf(trace);
    for (let index = 0; index < spansPerTrace; index += 1) {
      const isLast = index === spansPerTrace - 1;
      spans.push({
        traceId,
        spanId: hexId(16, trace * spansPerTrace + index + 1),
        startUs: beginUs + index * 50_000 + (isLast && isLong ? longUs : 0),
        durationUs: 1_000,
        // Only the last span of a long one can be found.
        attributes: { note: isLast ? (isLong ? 'gold' : note) : 'gold card' },
      });
    }
    if (isLong || note === 'gold') wanted.push({ traceId, startUs: beginUs });
  }
  spans.sort((a, b) => a.startUs - b.startUs);
  for (let at = 0; at < spans.length; at += 1_500) {
    store.receive('spans', spansRequest('orders', spans.slice(at, at + 1_500)));
    await store.flush();
  }
  return wanted;
}

test('a search for traces that has read enough says how far it got, and going on finds each once', async (t) => {
  const { store } = await givenStore(t);
  const wanted = await givenTraces(store);
  const answers = await answersOf<{ readonly traceId: string; readonly startedAt: string }>(async (after) => {
    const { traces: items, ...rest } = await store.searchTraces({ ...window, limit, text, after });
    return { items, ...rest };
  });
  assert.deepEqual(
    answers.flatMap(({ items }) => items.map(({ traceId }) => traceId)),
    wanted.toSorted((a, b) => b.startUs - a.startUs).map(({ traceId }) => traceId),
  );
  assertHonest(answers, ({ startedAt }) => startedAt);
});

test('an answer that has what was asked for does not say that it stopped', async (t) => {
  const { store } = await givenStore(t);
  store.receive('spans', spansRequest('orders', [givenSpan(1), givenSpan(2), givenSpan(3)]));
  await store.flush();
  const page = await store.searchTraces({ ...window, limit: 2 });
  assert.equal(page.traces.length, 2);
  assert.equal(page.searchedTo, undefined);
  const rest = await store.searchTraces({ ...window, limit: 2, after: page.next });
  assert.deepEqual([rest.traces.length, rest.next, rest.searchedTo], [1, undefined, undefined]);
});

function givenSpan(number: number): GivenSpan {
  return {
    traceId: hexId(32, number),
    spanId: hexId(16, number),
    startUs: startUs + number * 1_000,
    durationUs: 10,
  };
}

test('traces that began before others are found by what they did after those', async (t) => {
  const { store } = await givenStore(t);
  const wanted = await givenTraces(store);
  const middleUs = startUs + windowUs / 6;
  const answers = await answersOf<{ readonly traceId: string }>(async (after) => {
    const query = { ...window, toUs: middleUs, limit, service: 'orders', attributes: ['note=gold'], after };
    const { traces: items, ...rest } = await store.searchTraces(query);
    return { items, ...rest };
  });
  const before = wanted.filter((trace) => trace.startUs < middleUs);
  assert.ok(before.length > 3);
  assert.deepEqual(
    answers.flatMap(({ items }) => items.map(({ traceId }) => traceId)),
    before.toSorted((a, b) => b.startUs - a.startUs).map(({ traceId }) => traceId),
  );
  // What began sooner than is asked for is not found by what it did later, either.
  const fromUs = startUs + windowUs / 12;
  const some = await store.searchTraces({
    ...window,
    fromUs,
    toUs: middleUs,
    limit: 20,
    service: 'orders',
    attributes: ['note=gold'],
  });
  assert.deepEqual(
    some.traces.map(({ traceId }) => traceId),
    before
      .filter((trace) => trace.startUs >= fromUs)
      .toSorted((a, b) => b.startUs - a.startUs)
      .map(({ traceId }) => traceId),
  );
  // Every span has both: none of the many behind that time is read to see it.
  const common = await store.searchTraces({ ...window, toUs: middleUs, limit: 20, attributes: ['note'] });
  assert.equal(common.traces.length, 20);
  assert.ok(common.traces.every((trace) => trace.startUs < middleUs));
});

const longTraces = 40;
const fillers = 50;

/** Traces that all begin first, and are found only by what they do last; between, spans that must be taken apart. */
async function givenLongTraces(store: TelemetryStore): Promise<readonly string[]> {
  const longAt = (atUs: number, note: string, spans: number) =>
    Array.from({ length: longTraces }, (_, index) => ({
      ...{ traceId: hexId(32, index + 1), spanId: hexId(16, spans + index + 1) },
      ...{ startUs: atUs + index, durationUs: 10, attributes: { note } },
    }));
  store.receive('spans', spansRequest('orders', longAt(startUs, 'gold card', 0)));
  await store.flush();
  for (let filler = 1; filler <= fillers; filler += 1) {
    const beginUs = startUs + Math.floor((filler / (fillers + 2)) * windowUs);
    const spans = Array.from({ length: 1_500 }, (_, index) => ({
      ...{ traceId: hexId(32, longTraces + filler), spanId: hexId(16, filler * 10_000 + index) },
      ...{ startUs: beginUs + index, durationUs: 10, attributes: { note: 'gold card' } },
    }));
    store.receive('spans', spansRequest('orders', spans));
    await store.flush();
  }
  store.receive('spans', spansRequest('orders', longAt(startUs + windowUs - 1_000_000, 'gold', 1_000)));
  await store.flush();
  return Array.from({ length: longTraces }, (_, index) => hexId(32, longTraces - index));
}

test('a search that has found many long traces stops nevertheless each time that it has read enough', async (t) => {
  const { store } = await givenStore(t);
  const wanted = await givenLongTraces(store);
  const answers = await answersOf<{ readonly traceId: string; readonly startedAt: string }>(async (after) => {
    assert.ok((after ?? '').length <= 2_000, 'a cursor that the API refuses');
    const { traces: items, ...rest } = await store.searchTraces({ ...window, limit, text, after });
    return { items, ...rest };
  });
  assert.deepEqual(
    answers.flatMap(({ items }) => items.map(({ traceId }) => traceId)),
    wanted,
  );
  assertHonest(answers, ({ startedAt }) => startedAt);
  // Twice as much as one answer may read lies between.
  assert.ok(answers.filter(({ searchedTo }) => searchedTo !== undefined).length >= 2);
});

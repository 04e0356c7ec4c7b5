import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TelemetryStore, TraceQuery } from '@banyan/telemetry-store';
import { type GivenSpan, givenStore, hexId, spansRequest } from './given.ts';

const seed = Number(process.env['BANYAN_SEED'] ?? 1);
const startUs = 1_795_000_000_000_000;
const traceCount = 400;

/** Numbers from 0 to 1 (mulberry32). */
function randomOf(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Told extends GivenSpan {
  readonly service: string;
  readonly name: string;
  readonly attributes: { readonly user: string; readonly note: string };
}

const services = ['orders', 'payments', 'mails'];
const names = ['place', 'pay', 'send', 'refund'];
const words = ['late', 'gold', 'retry', 'card', 'empty'];

function randomSpans(random: () => number): readonly Told[] {
  const pick = <Value>(list: readonly Value[]) => list[Math.floor(random() * list.length)] as Value;
  let spanId = 0;
  return Array.from({ length: traceCount }, (_, trace) => trace).flatMap((trace) => {
    const beginUs = startUs + Math.floor(random() * 1e9);
    return Array.from({ length: 1 + Math.floor(random() * 6) }, (_, index): Told => {
      spanId += 1;
      return {
        traceId: hexId(32, trace + 1),
        spanId: hexId(16, spanId),
        service: pick(services),
        name: pick(names),
        startUs: beginUs + index * 1_000,
        durationUs: Math.floor(random() * 100_000),
        isError: random() < 0.2,
        attributes: { user: `u${Math.floor(random() * 50)}`, note: `${pick(words)} ${pick(words)}` },
      };
    });
  });
}

type Condition = Partial<Omit<TraceQuery, 'fromUs' | 'toUs' | 'limit' | 'after'>>;

function randomCondition(random: () => number): Condition {
  const pick = <Value>(list: readonly Value[]) => list[Math.floor(random() * list.length)] as Value;
  const maybe = <Value>(value: Value) => (random() < 0.35 ? value : undefined);
  return {
    service: maybe(pick(services)),
    operation: maybe(pick(names)),
    errorsOnly: maybe(true),
    minDurationUs: maybe(Math.floor(random() * 100_000)),
    maxDurationUs: maybe(Math.floor(random() * 100_000)),
    attributes: maybe([random() < 0.5 ? 'user' : `user=u${Math.floor(random() * 60)}`]),
    text: maybe(random() < 0.5 ? pick(words) : `"${pick(words)} ${pick(words)}"`),
  };
}

/** What must be found, by looking at every span. */
function expected(spans: readonly Told[], query: Condition): readonly string[] {
  const isMatch = (span: Told) => {
    const [attribute] = query.attributes ?? [];
    const phrase = query.text?.replaceAll('"', '');
    return (
      (query.service ?? span.service) === span.service &&
      (query.operation ?? span.name) === span.name &&
      (query.errorsOnly !== true || span.isError === true) &&
      span.durationUs >= (query.minDurationUs ?? 0) &&
      span.durationUs <= (query.maxDurationUs ?? Number.MAX_VALUE) &&
      (attribute === undefined || attribute === 'user' || attribute === `user=${span.attributes.user}`) &&
      (phrase === undefined || ` ${span.attributes.note} `.includes(` ${phrase} `))
    );
  };
  const starts = new Map<string, number>();
  for (const { traceId, startUs: atUs } of spans)
    starts.set(traceId, Math.min(starts.get(traceId) ?? atUs, atUs));
  const found = [...new Set(spans.filter(isMatch).map(({ traceId }) => traceId))];
  const startOf = (traceId: string) => starts.get(traceId) ?? 0;
  return found.sort((a, b) => startOf(b) - startOf(a) || (a < b ? 1 : -1));
}

/** Page by page. */
async function searchAll(store: TelemetryStore, query: Condition): Promise<readonly string[]> {
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const page = await store.searchTraces({
      fromUs: startUs - 1,
      toUs: startUs + 2e9,
      limit: 25,
      after,
      ...query,
    });
    ids.push(...page.traces.map(({ traceId }) => traceId));
    after = page.next;
  } while (after !== undefined);
  return ids;
}

test('a search finds what looking at every span finds, in the order of time, page by page', async (t) => {
  const random = randomOf(seed);
  const spans = randomSpans(random);
  const { store } = await givenStore(t);
  // In the order in which spans end, in requests of some dozens, each service by itself.
  const arriving = spans.toSorted((a, b) => a.startUs + a.durationUs - b.startUs - b.durationUs);
  for (let at = 0; at < arriving.length; at += 40) {
    const batch = Map.groupBy(arriving.slice(at, at + 40), ({ service }) => service);
    for (const [service, own] of batch)
      store.receive(
        'spans',
        spansRequest(
          service,
          own.map(({ service: _, ...span }) => span),
        ),
      );
    if (random() < 0.5) await store.flush();
  }
  await store.flush();
  for (let round = 0; round < 60; round += 1) {
    const query = randomCondition(random);
    assert.deepEqual(
      await searchAll(store, query),
      expected(spans, query),
      `seed ${seed}: ${JSON.stringify(query)}`,
    );
  }
});

test('lines are found by words, phrases, level and service as looking at each of them finds them', async (t) => {
  const random = randomOf(seed + 1);
  const pick = <Value>(list: readonly Value[]) => list[Math.floor(random() * list.length)] as Value;
  const { store } = await givenStore(t);
  const lines = Array.from({ length: 3_000 }, (_, index) => ({
    service: pick(services),
    severityNumber: pick([5, 9, 13, 17]),
    message: `${pick(words)} ${pick(words)} order-${index}`,
    atUs: startUs + Math.floor(random() * 1e9),
  }));
  for (let at = 0; at < lines.length; at += 500) {
    for (const [service, own] of Map.groupBy(lines.slice(at, at + 500), (line) => line.service)) {
      const logRecords = own.map(({ severityNumber, message, atUs }) => ({
        severityNumber,
        body: { stringValue: message },
        timeUnixNano: `${atUs}000`,
      }));
      const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
      store.receive('logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
    }
    await store.flush();
  }
  const severities = { debug: 5, info: 9, warn: 13, error: 17 } as const;
  for (let round = 0; round < 40; round += 1) {
    const service = random() < 0.4 ? pick(services) : undefined;
    const level = random() < 0.4 ? pick(['debug', 'info', 'warn', 'error'] as const) : undefined;
    const [word, other, without] = [pick(words), pick(words), pick(words)];
    const text = pick([
      undefined,
      word,
      `${word} ${other}`,
      `"${word} ${other}"`,
      `${word} -${without}`,
      `order-${Math.floor(random() * 3_000)}`,
    ]);
    const isMatch = (line: (typeof lines)[number]) => {
      const own = line.message.split(' ').slice(0, 2);
      const number = line.message.split('-')[1];
      if ((service ?? line.service) !== line.service || line.severityNumber < severities[level ?? 'debug'])
        return false;
      if (text === undefined) return true;
      if (text.startsWith('order-')) return `order-${number}` === text;
      if (text.startsWith('"')) return own[0] === word && own[1] === other;
      if (text.includes('-')) return own.includes(word) && !own.includes(without);
      return text === word ? own.includes(word) : own.includes(word) && own.includes(other);
    };
    const wanted = lines.filter(isMatch).map(({ message }) => message);
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = await store.searchLogs({
        fromUs: startUs,
        toUs: startUs + 1e9,
        limit: 200,
        after,
        service,
        level,
        text,
      });
      found.push(...page.lines.map(({ message }) => message));
      after = page.next;
    } while (after !== undefined);
    assert.deepEqual(
      found.toSorted(),
      wanted.toSorted(),
      `seed ${seed + 1}: ${JSON.stringify({ service, level, text })}`,
    );
  }
});

test('the words of a phrase may have anything between them that is no word, as the text was sent', async (t) => {
  const { store } = await givenStore(t);
  const found = [
    'gave up',
    'gave\nup',
    'gave\\up',
    'gave "up"',
    'gave\u0001 \t, up',
    'GAVE, Up',
    'żółw gave – up',
  ];
  const lost = ['gave nup', 'gave it up', 'up gave', 'gaveup', 'gave_up', 'gave ups'];
  const logRecords = [...found, ...lost].map((text, index) => ({
    severityNumber: 9,
    body: { stringValue: text },
    timeUnixNano: `${startUs + index}000`,
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'orders' } }] };
  store.receive('logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
  await store.flush();
  const search = async (text: string) =>
    (await store.searchLogs({ fromUs: startUs, toUs: startUs + 1e6, limit: 50, text })).lines.map(
      ({ message }) => message,
    );
  assert.deepEqual((await search('"gave up"')).toReversed(), found);
  assert.deepEqual(await search('"żółw gave"'), ['żółw gave – up']);
});

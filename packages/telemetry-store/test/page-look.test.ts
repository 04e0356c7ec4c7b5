import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
// The form of a page is seen from inside only: nothing writes the one before any longer.
import { unpackPage } from '../src/pages/page-codec.ts';
import { givenStore, hexId, resourceOf, spansRequest } from './given.ts';

const startUs = 1_795_000_000_000_000;
const window = { fromUs: startUs, toUs: startUs + 1e6, limit: 50 };

test('words are found whatever JSON and lower case make of the letters around them', async (t) => {
  const { store } = await givenStore(t);
  const words = new Map([
    ['line one\nΣ', 'Σ'],
    ['ΟΔΟΣ\tΣΟΦΙΑ', 'οδοσ'],
    ['İstanbul GOLD', 'gold'],
    ['K 300 \u212a', 'k'],
    ['say \\"up\\"', 'up'],
    ['\u0007bell', 'bell'],
    ['naïve ﬀ', 'naïve'],
  ]);
  const logRecords = [...words.keys()].map((text, index) => ({
    severityNumber: 9,
    body: { stringValue: text },
    timeUnixNano: `${startUs + index}000`,
  }));
  store.receive('logs', { resourceLogs: [{ resource: resourceOf('orders'), scopeLogs: [{ logRecords }] }] });
  await store.flush();
  for (const [message, text] of words) {
    const { lines } = await store.searchLogs({ ...window, text });
    // The last letter of a word has another lower case than the same letter alone.
    const wanted = text === 'οδοσ' ? [] : [message];
    assert.deepEqual(
      lines.map((line) => line.message).filter((found) => found === message),
      wanted,
      text,
    );
  }
  const { lines } = await store.searchLogs({ ...window, text: 'ΟΔΟΣ' });
  assert.equal(lines.length, 1);
});

test('attributes are found whatever is in their names and values', async (t) => {
  const { store } = await givenStore(t);
  const values: readonly (readonly [string, string | number | boolean])[] = [
    ['plain', 'x'],
    ['quo"ted', 'a "b" c'],
    ['back\\slash', 'c:\\temp'],
    ['number', 42],
    ['half', 1.5],
    ['flag', true],
    ['json', '{"a":[1,"ö"]}'],
    ['line', 'one\ntwo'],
    ['UPPER', 'ÄÖÜ ΣΑΣ'],
  ];
  store.receive(
    'spans',
    spansRequest(
      'orders',
      values.map(([key, value], index) => ({
        traceId: hexId(32, index + 1),
        spanId: hexId(16, index + 1),
        startUs: startUs + index,
        durationUs: 1,
        attributes: { [key]: value },
      })),
    ),
  );
  await store.flush();
  for (const [index, [key, value]] of values.entries()) {
    for (const attribute of [key, `${key}=${value}`]) {
      const { traces } = await store.searchTraces({ ...window, attributes: [attribute] });
      assert.deepEqual(
        traces.map(({ traceId }) => traceId),
        [hexId(32, index + 1)],
        attribute,
      );
    }
  }
});

test('a page that was written before pages had lines is still read', async () => {
  const sender = { service: 'orders', attributes: {} };
  const items = [
    { r: 0, atUs: 1, level: 'info', message: 'gold card', attributes: {} },
    { r: 0, atUs: 2, level: 'info', message: 'late', attributes: {} },
  ];
  const body = zstdCompressSync(Buffer.from(JSON.stringify({ resources: [sender], items })));
  const found = await unpackPage(body);
  assert.deepEqual(
    found.map(({ place, item }) => [place, 'message' in item && item.message, item.resource]),
    [
      [0, 'gold card', sender],
      [1, 'late', sender],
    ],
  );
  assert.deepEqual(await unpackPage(body, { texts: ['nowhere'] }), []);
  assert.equal((await unpackPage(body, { texts: ['gold'] })).length, 2);
});

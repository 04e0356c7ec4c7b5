import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  childTrace,
  createTrace,
  formatTraceparent,
  parseTraceparent,
  readTrace,
  traceByteLength,
  writeTrace,
} from '@banyan/telemetry';
import fc from 'fast-check';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const header = `00-${traceId}-${spanId}-01`;

test('a new trace has valid ids, is sampled and says that its id is random', () => {
  const trace = createTrace();
  assert.match(trace.traceId, /^(?!0+$)[0-9a-f]{32}$/);
  assert.match(trace.spanId, /^(?!0+$)[0-9a-f]{16}$/);
  assert.equal(trace.sampled, true);
  assert.equal(formatTraceparent(trace), `00-${trace.traceId}-${trace.spanId}-03`);
  assert.equal(createTrace({ sampled: false }).sampled, false);
});

test('a child keeps trace id and flags and has a span of its own', () => {
  for (const parent of [createTrace(), createTrace({ sampled: false }), { traceId, spanId, sampled: true }]) {
    const child = childTrace(parent);
    assert.equal(child.traceId, parent.traceId);
    assert.equal(child.sampled, parent.sampled);
    assert.notEqual(child.spanId, parent.spanId);
  }
  assert.equal(formatTraceparent(childTrace(createTrace())).slice(-2), '03');
  assert.equal(formatTraceparent(childTrace({ traceId, spanId, sampled: true })).slice(-2), '01');
});

test('100,000 spans and traces have 100,000 different ids, with every bit in use', () => {
  const root = createTrace();
  const spans = new Set(Array.from({ length: 100_000 }, () => childTrace(root).spanId));
  const traces = new Set(Array.from({ length: 100_000 }, () => createTrace().traceId));
  assert.deepEqual([spans.size, traces.size], [100_000, 100_000]);
  for (const [ids, digits] of [
    [spans, 16],
    [traces, 32],
  ] as const) {
    for (let at = 0; at < digits; at += 1) {
      const counts = new Map<string, number>();
      for (const id of ids) counts.set(id.charAt(at), (counts.get(id.charAt(at)) ?? 0) + 1);
      assert.equal(counts.size, 16);
      // 6,250 expected; ten standard deviations are 765.
      for (const count of counts.values()) assert.ok(Math.abs(count - 6_250) < 765, `digit ${at}: ${count}`);
    }
  }
});

test('the header of the specification is read and written as it stands there', () => {
  const trace = parseTraceparent(header);
  assert.deepEqual([trace?.traceId, trace?.spanId, trace?.sampled], [traceId, spanId, true]);
  assert.equal(formatTraceparent({ traceId, spanId, sampled: false }), `00-${traceId}-${spanId}-00`);
});

const ignored: Readonly<Record<string, unknown>> = {
  'no header': undefined,
  'an empty header': '',
  'version ff': `ff-${traceId}-${spanId}-01`,
  'upper-case digits': header.toUpperCase(),
  'upper-case version': `AA-${traceId}-${spanId}-01`,
  'a zero trace id': `00-${'0'.repeat(32)}-${spanId}-01`,
  'a zero span id': `00-${traceId}-${'0'.repeat(16)}-01`,
  'one digit less': `00-${traceId.slice(1)}-${spanId}-01`,
  'text after version 00': `${header}-more`,
  'text after a later version without a dash': `01${header.slice(2)}more`,
  'no flags': header.slice(0, 53),
  'a letter in the flags': `${header.slice(0, 54)}g`,
  'white space around': ` ${header}`,
  'a line break behind': `${header}\n`,
  'other separators': header.replaceAll('-', '_'),
  'two headers joined': `${header},${header}`,
  'full-width digits': header.replace('0', '０'),
  'a number': 7,
  'a list': [header],
};
for (const [what, value] of Object.entries(ignored)) {
  test(`a traceparent with ${what} is ignored`, () => {
    assert.equal(parseTraceparent(value as string), undefined);
  });
}

test('a later version is read as far as version 00 goes, and unknown flags are dropped', () => {
  const later = parseTraceparent(`cc-${traceId}-${spanId}-01-what-the-future-brings`);
  assert.equal(later?.traceId, traceId);
  const flagged = parseTraceparent(`00-${traceId}-${spanId}-ff`);
  assert.ok(flagged);
  assert.equal(formatTraceparent(flagged).slice(-2), '03');
});

test('any text is either ignored or read and written back in canonical form', () => {
  const digits = (length: number) =>
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
  const wellFormed = fc.tuple(digits(32), digits(16), digits(2)).map(([trace, span, flags]) => ({
    text: `00-${trace}-${span}-${flags}`,
    valid: !/^0+$/.test(trace) && !/^0+$/.test(span),
  }));
  fc.assert(
    fc.property(
      wellFormed,
      fc.nat(54),
      fc.string({ unit: 'binary', maxLength: 3 }),
      ({ text, valid }, at, noise) => {
        const trace = parseTraceparent(text);
        assert.equal(trace !== undefined, valid);
        if (trace) assert.equal(formatTraceparent(trace).slice(0, 53), text.slice(0, 53));
        const damaged = parseTraceparent(text.slice(0, at) + noise + text.slice(at + 1));
        if (damaged) assert.match(formatTraceparent(damaged), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/);
      },
    ),
    { numRuns: 1_000 },
  );
});

test('the binary form carries every valid trace, at any offset and without touching its neighbours', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(
    fc.property(bytes(traceByteLength), fc.nat(9), (sent, offset) => {
      const buffer = new Uint8Array(offset + traceByteLength + 3).fill(7);
      buffer.set(sent, offset);
      const trace = readTrace(buffer, offset);
      const valid = sent.slice(0, 16).some(Boolean) && sent.slice(16, 24).some(Boolean);
      assert.equal(trace !== undefined, valid);
      if (trace === undefined) return;
      assert.equal(trace.traceId, Buffer.from(sent.slice(0, 16)).toString('hex'));
      assert.equal(trace.spanId, Buffer.from(sent.slice(16, 24)).toString('hex'));
      const copy = new Uint8Array(buffer.length).fill(7);
      writeTrace(trace, copy, offset);
      buffer[offset + 24] = (sent[24] ?? 0) & 3;
      assert.deepEqual(copy, buffer);
    }),
  );
});

test('a truncated buffer is read as no trace, and a trace that does not fit is not written', () => {
  const trace = createTrace();
  for (const offset of [1, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    const buffer = new Uint8Array(traceByteLength);
    assert.equal(readTrace(buffer.fill(1), offset), undefined);
    assert.throws(() => writeTrace(trace, buffer, offset), RangeError);
    assert.deepEqual(buffer, new Uint8Array(traceByteLength).fill(1));
  }
  assert.equal(readTrace(new Uint8Array(0), 0), undefined);
});

test('a trace that was read does not change with the buffer', () => {
  const trace = createTrace();
  const buffer = new Uint8Array(traceByteLength);
  writeTrace(trace, buffer, 0);
  const read = readTrace(buffer, 0);
  buffer.fill(0);
  assert.equal(read?.traceId, trace.traceId);
});

test('a trace is JSON and compares by its ids', () => {
  const trace = createTrace();
  assert.deepEqual(JSON.parse(JSON.stringify(trace)), {
    traceId: trace.traceId,
    spanId: trace.spanId,
    sampled: true,
  });
  assert.deepEqual(parseTraceparent(formatTraceparent(trace)), trace);
  assert.notDeepEqual(childTrace(trace), trace);
});

test('a parent that is no trace context is refused', () => {
  for (const parent of [
    {},
    { traceId, spanId: '' },
    { traceId: traceId.toUpperCase(), spanId },
    { traceId: 7, spanId },
  ]) {
    assert.throws(() => childTrace(parent as never), /32 and a spanId of 16/);
  }
});

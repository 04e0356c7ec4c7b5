import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SpanRecord } from '../src/records.ts';
// Pure, and a property wants thousands of trees, which would be as many round trips through the store.
import { criticalPathOf } from '../src/traces/critical-path.ts';
import { inOrder, spanTrees } from '../src/traces/span-tree.ts';

const resource = { service: 'any', version: undefined, attributes: {} };

/** Parents anywhere, also after their children, missing, in circles and of themselves. */
const spans = fc
  .array(
    fc.record({
      parent: fc.option(fc.nat(25), { nil: undefined }),
      startUs: fc.nat(1_000),
      durationUs: fc.nat(500),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .map((list) =>
    list.map(
      ({ parent, startUs, durationUs }, index): SpanRecord => ({
        resource,
        traceId: 'a'.repeat(32),
        spanId: `s${index}`,
        parentId: parent === undefined ? undefined : `s${parent}`,
        name: 'work',
        kind: 'internal',
        startUs,
        durationUs,
        isError: false,
        statusMessage: undefined,
        attributes: {},
        events: [],
        links: [],
      }),
    ),
  );

test('the stretches of a critical path have no gaps and no overlaps, and add up to the time of the trace', () => {
  fc.assert(
    fc.property(spans, (given) => {
      const start = Math.min(...given.map(({ startUs }) => startUs));
      const end = Math.max(...given.map(({ startUs, durationUs }) => startUs + durationUs));
      const path = criticalPathOf(spanTrees(given));
      let at = start;
      for (const { startUs, endUs, spanId } of path) {
        assert.equal(startUs, at);
        assert.ok(endUs > startUs);
        assert.ok(given.some((span) => span.spanId === spanId));
        at = endUs;
      }
      assert.equal(at, end);
    }),
    { numRuns: 2_000 },
  );
});

test('every span is in the tree once, before its children, whatever their parents are said to be', () => {
  fc.assert(
    fc.property(spans, (given) => {
      const nodes = inOrder(spanTrees(given));
      assert.deepEqual(
        nodes.map(({ span }) => span.spanId).toSorted(),
        given.map(({ spanId }) => spanId).toSorted(),
      );
      const placed = new Set<string>();
      for (const { span, depth, selfUs } of nodes) {
        assert.ok(depth === 0 || placed.has(span.parentId ?? ''));
        assert.ok(selfUs >= 0 && selfUs <= span.durationUs);
        placed.add(span.spanId);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a trace as deep as it may be has a path', () => {
  const chain = Array.from(
    { length: 5_000 },
    (_, index): SpanRecord => ({
      resource,
      traceId: 'a'.repeat(32),
      spanId: `s${index}`,
      parentId: index === 0 ? undefined : `s${index - 1}`,
      name: 'work',
      kind: 'internal',
      startUs: index,
      durationUs: 10_000 - 2 * index,
      isError: false,
      statusMessage: undefined,
      attributes: {},
      events: [],
      links: [],
    }),
  );
  const path = criticalPathOf(spanTrees(chain));
  assert.equal(
    path.reduce((sum, { startUs, endUs }) => sum + endUs - startUs, 0),
    10_000,
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Sql, SqlFragment } from '@banyan/core';
import { behind, type PageRow, scanPages } from '../src/pages/scan-pages.ts';

const fragment = {} as SqlFragment;
const firstUs = 1_000_000;

/** A database with pages enough for any batch, whose fourth statement fails at once. */
function failingFourth() {
  let statements = 0;
  const run = async (_text: TemplateStringsArray, ...values: readonly unknown[]) => {
    statements += 1;
    if (statements === 4) throw new Error('the connection is gone');
    const size = Number(values.at(-1));
    const rows = Array.from({ length: size }, (_, index): PageRow & { readonly asked: number | null } => {
      const number = firstUs - statements * 1_000 - index;
      return { page: number, fromUs: number, toUs: number, body: new Uint8Array(), asked: null };
    });
    return [...rows, { ...(rows.at(-1) ?? assert.fail()), asked: size }];
  };
  return Object.assign(run, { identifier: () => fragment }) as unknown as Sql;
}

test('a batch that is fetched early and fails while the one before is looked at fails the search, and nothing else', async (t) => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  t.after(() => process.off('unhandledRejection', note));
  const scan = {
    table: 'telemetry.span_pages',
    fromUs: 0,
    place: behind(firstUs),
    condition: fragment,
  } as const;
  let pages = 0;
  await assert.rejects(async () => {
    for await (const { rows } of scanPages(failingFourth(), scan)) {
      pages += rows.length;
      // Whoever unpacks pages waits for other threads; by then a rejection that nobody handles is told.
      await setImmediate();
    }
  }, /the connection is gone/);
  assert.deepEqual([pages, unhandled], [16 + 32 + 64, []]);
});

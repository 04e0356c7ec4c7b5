import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { uuidv7 } from '@banyan/core';
import type { ClaimStore } from '../claim-store.ts';

export interface ClaimStoreFixture {
  readonly claims: ClaimStore;
  /** Another handle on the same store, as another process of the system would have. */
  readonly other: ClaimStore;
  close(): Promise<void>;
}

/** The conformance suite of {@link ClaimStore}. */
export function describeClaimStore(name: string, create: () => Promise<ClaimStoreFixture>): void {
  describe(`claim store on ${name}`, () => {
    let fixture: ClaimStoreFixture;
    beforeEach(async () => {
      fixture = await create();
    });
    afterEach(() => fixture.close());

    test('keeps a text as it was, for whoever knows its id', async () => {
      const { claims, other } = fixture;
      const texts = ['', '1', 'null', JSON.stringify({ words: 'é🙂\u0000"\\\n'.repeat(100_000) })];
      const kept = texts.map((text) => ({ id: uuidv7(), text }));
      for (const claim of kept) await claims.put({ ...claim, keepMs: 60_000 });
      for (const { id, text } of kept) assert.equal(await other.get(id), text);
    });

    test('has nothing whose time is over, or that was never there', async () => {
      const { claims } = fixture;
      const over = uuidv7();
      await claims.put({ id: over, text: '1', keepMs: 0 });
      assert.equal(await claims.get(over), undefined);
      assert.equal(await claims.get(uuidv7()), undefined);
    });

    test('putting again changes nothing but may keep it longer', async () => {
      const { claims, other } = fixture;
      const id = uuidv7();
      await claims.put({ id, text: '"first"', keepMs: 0 });
      await other.put({ id, text: '"first"', keepMs: 60_000 });
      await claims.put({ id, text: '"first"', keepMs: 0 });
      assert.equal(await claims.get(id), '"first"');
    });

    test('many may put at the same time, the same too, while others are forgotten', async () => {
      const { claims, other } = fixture;
      const ids = Array.from({ length: 50 }, () => uuidv7());
      const puts = ids.flatMap((id, index) => [
        claims.put({ id, text: String(index), keepMs: 60_000 }),
        other.put({ id, text: String(index), keepMs: 60_000 }),
        claims.put({ id: uuidv7(), text: 'gone', keepMs: 0 }),
      ]);
      await Promise.all(puts);
      const texts = await Promise.all(ids.map((id) => claims.get(id)));
      assert.deepEqual(
        texts,
        ids.map((_, index) => String(index)),
      );
    });
  });
}

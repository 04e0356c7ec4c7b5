import assert from 'node:assert/strict';

/** What the world should look like: which values were committed for each key, in their order. */
export class EventsModel {
  readonly committed = new Map<string, number[]>();
  #next = 0;

  /** A value that was never used before. */
  nextValue(): number {
    this.#next += 1;
    return this.#next;
  }

  commit(key: string, value: number): void {
    const values = this.committed.get(key);
    if (values === undefined) this.committed.set(key, [value]);
    else values.push(value);
  }

  /** At any time the effects of a key are the beginning of what was committed for it. */
  assertConsistent(effects: ReadonlyMap<string, readonly number[]>): void {
    for (const [key, values] of effects) {
      assert.deepEqual(values, (this.committed.get(key) ?? []).slice(0, values.length), `effects of ${key}`);
    }
  }

  /** In the end they are all of it. */
  assertComplete(effects: ReadonlyMap<string, readonly number[]>): void {
    for (const [key, values] of this.committed) {
      assert.deepEqual(effects.get(key) ?? [], values, `effects of ${key}`);
    }
    assert.equal(effects.size, this.committed.size);
  }
}

/** The seed of this run: `BANYAN_SEED`, or a new one. Print it, so that a failure can be replayed. */
export const seed = Number(process.env['BANYAN_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Uniform numbers in [0, 1) that follow from the seed (mulberry32). */
export function createRandom(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick<Item>(items: readonly Item[], random: () => number): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new RangeError('pick(): nothing to pick from');
  return item;
}

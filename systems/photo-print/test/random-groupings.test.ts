import { everyPart, type Placement } from './fixtures/photo-print.ts';
import { describePhotoPrint } from './fixtures/photo-print-suite.ts';

/** `BANYAN_GROUPINGS` says how many; each is named by its seed, and `BANYAN_SEED` repeats the run. */
const groupings = Number(process.env['BANYAN_GROUPINGS'] ?? 1);
const firstSeed = Number(process.env['BANYAN_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

for (let index = 0; index < groupings; index += 1) {
  const seed = firstSeed + index;
  const placement = randomGrouping(seed);
  const names = placement.map((group) => group.join('+')).join(' | ');
  describePhotoPrint(`photo print grouped at random (BANYAN_SEED=${seed}): ${names}`, placement);
}

/** Puts each part into one of two to five groups, by a small generator (mulberry32) that the seed starts. */
function randomGrouping(seed: number): NonNullable<Placement> {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const count = 2 + Math.floor(random() * 4);
  const groups = Array.from({ length: count }, (): string[] => []);
  for (const part of everyPart) groups[Math.floor(random() * count)]?.push(part);
  return groups.filter((group) => group.length > 0);
}

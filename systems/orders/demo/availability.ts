import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { measureAvailability } from './availability/measure.ts';
import { createRandom } from './availability/random.ts';

// `npm run demo:availability`: what a chain of synchronous calls costs in availability, and what it takes to get it back.
const { values } = parseArgs({
  options: { slots: { type: 'string', default: '2000' }, down: { type: 'string', default: '0.1' } },
});
const seed = Number(process.env['BANYAN_SEED'] ?? randomInt(2 ** 31));
const [slots, down] = [Number(values.slots), Number(values.down)];
if (!Number.isInteger(slots) || slots < 1 || slots > 1_000_000 || !(down >= 0 && down <= 1)) {
  console.error('--slots is a whole number from 1 to 1,000,000, --down a share from 0 to 1.');
  process.exit(1);
}
const percent = (share: number) => `${(share * 100).toFixed(1).padStart(5)} %`;

const cleanUps: (() => unknown)[] = [];
try {
  console.log(
    `${slots} orders, while each of three dependencies is down ${percent(down).trim()} of the time (BANYAN_SEED=${seed}).`,
  );
  console.log('An order that is placed synchronously needs all three at that moment.\n');
  const found = await measureAvailability(
    { after: (cleanUp) => void cleanUps.unshift(cleanUp) },
    { slots, down, asynchronousEvery: 10, random: createRandom(seed) },
  );
  console.log('orders accepted               computed   measured');
  console.log(`synchronous chain of three    ${percent(found.computed)}    ${percent(found.synchronous)}`);
  console.log(`(1) requests over messages    ${percent(1)}    ${percent(found.byMessages)}`);
  console.log(`(2) local copies              ${percent(1)}    ${percent(found.byCopies)}`);
  console.log(
    `\nOf ${found.accepted} asynchronous orders ${found.settledMeanwhile} were settled while the outages went on, and ${found.settled} when they had ended.`,
  );
} finally {
  for (const cleanUp of cleanUps) await cleanUp();
}

import type { Place } from './outbox-cursor.ts';
import { isSameHome, type OutboxHome } from './outbox-home.ts';

/** Is none of them, so that it gives way to the outbox's own with the first page. */
const severalHomes = 'several';

/** A place that is behind none of the others. */
export function lowestOf(places: readonly Place[]): Place {
  const least = (values: readonly string[]) => values.reduce((a, b) => (BigInt(b) < BigInt(a) ? b : a));
  const most = (values: readonly string[]) => values.reduce((a, b) => (BigInt(b) > BigInt(a) ? b : a));
  const homes = places.map(({ home }) => home);
  const names = new Set(homes.map(({ name }) => name));
  const xmin = least(
    places.flatMap(({ seen, late }) => [seen, late?.seen ?? seen]).map((seen) => seen.split(':')[0] ?? '0'),
  );
  return {
    after: least(places.map(({ after }) => after)),
    seen: `${xmin}:${xmin}:`,
    limit: most(places.map(({ limit }) => limit)),
    home: {
      name: names.size === 1 ? [...names].join() : severalHomes,
      since: least(homes.map(({ since }) => since)),
    },
    late: undefined,
  };
}

/** True for a place behind what an older state of the outbox had: the numbers up to it are given to other events now. */
export function isAhead({ after, home }: Place, outbox: OutboxHome): boolean {
  return !isSameHome(home, outbox) && BigInt(after) > BigInt(outbox.since);
}

import { type Place, toRunning } from './outbox-cursor.ts';
import { isSameHome, type OutboxHome } from './outbox-home.ts';

/** Is none of them, so that it gives way to the outbox's own with the first page. */
const severalHomes = 'several';

/** A place that is behind none of the others, in an outbox that lives at `home`. */
export function lowestOf(places: readonly Place[], home: OutboxHome): Place {
  const least = (values: readonly string[]) => values.reduce((a, b) => (BigInt(b) < BigInt(a) ? b : a));
  const most = (values: readonly string[]) => values.reduce((a, b) => (BigInt(b) > BigInt(a) ? b : a));
  const xmin = least(
    places.flatMap(({ seen, late }) => [seen, late?.seen ?? seen]).map((seen) => seen.split(':')[0] ?? '0'),
  );
  return {
    after: least(places.map(({ after }) => after)),
    seen: `${xmin}:${xmin}:`,
    limit: most(places.map(({ limit }) => limit)),
    home: {
      name: places.every((place) => isSameHome(place.home, home)) ? home.name : severalHomes,
      since: least(places.map((place) => place.home.since)),
    },
    late: undefined,
  };
}

/** What tells whether a place is of a state that the outbox has lost. */
export interface OutboxStanding {
  readonly home: OutboxHome;
  /** The highest number that it has, or has forgotten. */
  readonly last: string;
  readonly snapshot: string;
}

/**
 * True for a place behind what an older state of the outbox had: the numbers up to it are given to other events now. An outbox that was restored from a
 * dump has another home. One whose server was put back has not, but lacks rows, and has yet to give ids of transactions that the place knows. Both together:
 * a crash, or a replica that takes over, gives the ids of transactions that wrote nothing again, and rows are dropped when a relay has published them.
 */
export function isAhead({ after, seen, limit, home }: Place, outbox: OutboxStanding): boolean {
  if (!isSameHome(home, outbox.home)) return BigInt(after) > BigInt(outbox.home.since);
  const next = BigInt(toRunning(outbox.snapshot).xmax);
  return (
    BigInt(after) > BigInt(outbox.last) && (BigInt(limit) >= next || BigInt(toRunning(seen).xmax) > next)
  );
}

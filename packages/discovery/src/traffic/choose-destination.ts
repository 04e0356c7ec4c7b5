import type { Destination } from './destination.ts';
import type { ServiceTraffic, TrafficMatch, WeightedDestination } from './traffic-rules.ts';

/** What rules may look at. */
export interface TrafficFacts {
  /** The value of a request header, its name in small letters. */
  readonly header: (name: string) => string | undefined;
  readonly cookie: (name: string) => string | undefined;
  /** Id of the user who is signed in. */
  readonly user: string | undefined;
  /** What `sticky` holds on to. */
  readonly stickyKey: string;
}

/** True if the rule must know who is signed in. */
export function asksForUser({ matches = [], sticky = false }: ServiceTraffic): boolean {
  return sticky || matches.some(({ users }) => users !== undefined);
}

/**
 * Where the rule sends a request; undefined if it says nothing about it.
 * @param random from 0 up to but not including 1
 */
export function chooseDestination(
  { matches = [], current, weights, sticky = false }: ServiceTraffic,
  facts: TrafficFacts,
  random: () => number,
): Destination | undefined {
  const match = matches.find((each) => fits(each, facts));
  if (match !== undefined) return match.to;
  if (current !== undefined) return { version: current };
  if (weights === undefined) return undefined;
  return drawDestination(weights, sticky ? fractionOf(facts.stickyKey) : random());
}

/**
 * The one of `weights` at `fraction` of their sum.
 * @param fraction from 0 up to but not including 1
 */
export function drawDestination<Weighted extends Pick<WeightedDestination, 'weight'>>(
  weights: readonly Weighted[],
  fraction: number,
): Weighted | undefined {
  let left = fraction * weights.reduce((sum, { weight }) => sum + weight, 0);
  for (const each of weights) {
    if (left < each.weight) return each;
    left -= each.weight;
  }
  return undefined;
}

/** The same key always gives the same number, different ones spread evenly (FNV-1a, then mixed as MurmurHash3 ends). */
export function fractionOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000;
}

function fits({ header, cookie, users }: TrafficMatch, facts: TrafficFacts): boolean {
  return (
    (header === undefined || facts.header(header.name) === header.value) &&
    (cookie === undefined || facts.cookie(cookie.name) === cookie.value) &&
    (users === undefined || (facts.user !== undefined && users.includes(facts.user)))
  );
}

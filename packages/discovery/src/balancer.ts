import { createConsistentHash } from './consistent-hash.ts';

export const balancerStrategies = ['round_robin', 'least_requests', 'consistent_hash'] as const;
export type BalancerStrategy = (typeof balancerStrategies)[number];

/** Chooses which of several equals serves the next request. Picking allocates nothing. */
export interface Balancer<Candidate> {
  /**
   * One of `candidates` for which `exclude` is not true; undefined if there is none. `exclude` is asked up to three times per candidate and must answer
   * the same throughout one pick. The list may differ from pick to pick.
   * @param key what `consistent_hash` goes by; the other strategies do not look at it
   */
  pick(candidates: readonly Candidate[], exclude?: Exclude<Candidate>, key?: string): Candidate | undefined;
}

/** Leaves out the candidates for which it is true. */
export type Exclude<Candidate> = ((candidate: Candidate) => boolean) | undefined;

/**
 * `round_robin` takes turns. `least_requests` draws two at random and takes the one with fewer requests in flight: near the evenness of
 * asking all, without the stampede onto one idle newcomer (Mitzenmacher, The Power of Two Choices, 2001). `consistent_hash` sends the
 * same key to the same candidate, wherever it is asked, unless that one has a quarter more than its share of the requests in flight (see
 * `consistent-hash.ts`).
 */
export type BalancerOptions<Candidate> =
  | { readonly strategy: 'round_robin' }
  | {
      readonly strategy: 'least_requests';
      /** Requests in flight at a candidate, as this caller knows it. */
      readonly requestsInFlight: (candidate: Candidate) => number;
      /** From 0 up to but not including 1. Default `Math.random`. */
      readonly random?: () => number;
    }
  | {
      readonly strategy: 'consistent_hash';
      /** Names a candidate, to every caller alike. */
      readonly idOf: (candidate: Candidate) => string;
      /** Requests in flight at a candidate, as this caller knows it. */
      readonly requestsInFlight: (candidate: Candidate) => number;
    };

/** @throws TypeError on an unknown strategy */
export function createBalancer<Candidate>(options: BalancerOptions<Candidate>): Balancer<Candidate> {
  switch (options.strategy) {
    case 'round_robin':
      return new RoundRobin();
    case 'least_requests':
      return new LeastRequests(options.requestsInFlight, options.random ?? Math.random);
    case 'consistent_hash':
      return createConsistentHash(options);
    default:
      throw new TypeError(`createBalancer(): strategy must be one of ${balancerStrategies.join(', ')}.`);
  }
}

class RoundRobin<Candidate> implements Balancer<Candidate> {
  #turn = 0;

  pick(candidates: readonly Candidate[], exclude?: Exclude<Candidate>): Candidate | undefined {
    const eligible = countEligible(candidates, exclude);
    if (eligible === 0) return undefined;
    this.#turn = (this.#turn + 1) & 0x3fffffff;
    return eligibleAt(candidates, this.#turn % eligible, exclude);
  }
}

class LeastRequests<Candidate> implements Balancer<Candidate> {
  readonly #requestsInFlight: (candidate: Candidate) => number;
  readonly #random: () => number;

  constructor(requestsInFlight: (candidate: Candidate) => number, random: () => number) {
    this.#requestsInFlight = requestsInFlight;
    this.#random = random;
  }

  pick(candidates: readonly Candidate[], exclude?: Exclude<Candidate>): Candidate | undefined {
    const eligible = countEligible(candidates, exclude);
    if (eligible < 2) return eligibleAt(candidates, 0, exclude);
    const firstAt = Math.floor(this.#random() * eligible);
    // One of the others, each with the same chance.
    const secondAt = (firstAt + 1 + Math.floor(this.#random() * (eligible - 1))) % eligible;
    const first = eligibleAt(candidates, firstAt, exclude);
    const second = eligibleAt(candidates, secondAt, exclude);
    if (first === undefined || second === undefined) return first;
    return this.#requestsInFlight(second) < this.#requestsInFlight(first) ? second : first;
  }
}

function countEligible<Candidate>(candidates: readonly Candidate[], exclude: Exclude<Candidate>): number {
  if (exclude === undefined) return candidates.length;
  let count = 0;
  for (const candidate of candidates) if (!exclude(candidate)) count += 1;
  return count;
}

/** The candidate at `position` of those not excluded: skipping to a neighbour instead would give it two shares. */
function eligibleAt<Candidate>(
  candidates: readonly Candidate[],
  position: number,
  exclude: Exclude<Candidate>,
): Candidate | undefined {
  if (exclude === undefined) return candidates[position];
  let left = position;
  for (const candidate of candidates) {
    if (exclude(candidate)) continue;
    if (left === 0) return candidate;
    left -= 1;
  }
  return undefined;
}

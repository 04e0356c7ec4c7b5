import type { Balancer, Exclude } from './balancer.ts';

/** How many times its equal share of the requests in flight a candidate may have before keys move on. */
const loadFactor = 1.25;

export interface ConsistentHashOptions<Candidate> {
  readonly idOf: (candidate: Candidate) => string;
  readonly requestsInFlight: (candidate: Candidate) => number;
}

/**
 * Ranks the candidates anew for each key and takes the first that has room: rendezvous hashing (Thaler and Ravishankar, 1998) with
 * bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2016). A candidate that leaves gives its keys to all others; one that comes takes
 * its share and moves no other key. No ring has to be kept, and a pick looks at every candidate twice, which is cheap below a hundred.
 */
export function createConsistentHash<Candidate>(
  options: ConsistentHashOptions<Candidate>,
): Balancer<Candidate> {
  return new RendezvousHash(options);
}

class RendezvousHash<Candidate> implements Balancer<Candidate> {
  readonly #options: ConsistentHashOptions<Candidate>;

  constructor(options: ConsistentHashOptions<Candidate>) {
    this.#options = options;
  }

  pick(candidates: readonly Candidate[], exclude?: Exclude<Candidate>, key = ''): Candidate | undefined {
    const { idOf, requestsInFlight } = this.#options;
    const room = this.#roomOfEach(candidates, exclude);
    const seed = hashText(key, 0x811c9dc5);
    let best: Candidate | undefined;
    let bestScore = -1;
    for (const candidate of candidates) {
      if (exclude?.(candidate) || requestsInFlight(candidate) >= room) continue;
      const score = scramble(hashText(idOf(candidate), seed));
      if (score <= bestScore) continue;
      best = candidate;
      bestScore = score;
    }
    return best;
  }

  /** Requests that each may have once this one is placed. At least one has fewer. */
  #roomOfEach(candidates: readonly Candidate[], exclude: Exclude<Candidate>): number {
    let inFlight = 1;
    let eligible = 0;
    for (const candidate of candidates) {
      if (exclude?.(candidate)) continue;
      inFlight += this.#options.requestsInFlight(candidate);
      eligible += 1;
    }
    return Math.ceil((inFlight * loadFactor) / Math.max(eligible, 1));
  }
}

/** FNV-1a, 32 bits. */
function hashText(text: string, seed: number): number {
  let hash = seed;
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}

/** The last step of MurmurHash3: without it, ids that differ in their last letter alone would rank alike. */
function scramble(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

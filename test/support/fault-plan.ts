import { pick } from './random.ts';

export const faultKinds = [
  'kill relay',
  'kill consumer',
  'break broker connections',
  'end relay sessions',
  'end consumer sessions',
  'suspend process',
  'suspend process past its leases',
  'pause broker',
  'kill broker',
  'kill database server',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** Time since the fault before. */
  readonly waitMs: number;
  /** In [0, 1): which of the places that it may strike. */
  readonly place: number;
  /** In [0, 1): how hard, in the unit of the kind. */
  readonly strength: number;
}

/** How often of 1,000 each kind comes; what takes the broker or the database away for everybody comes seldom. */
const shares: Readonly<Record<FaultKind, number>> = {
  'kill relay': 150,
  'kill consumer': 150,
  'break broker connections': 330,
  'end relay sessions': 145,
  'end consumer sessions': 145,
  'suspend process': 40,
  'suspend process past its leases': 12,
  'pause broker': 12,
  'kill broker': 10,
  'kill database server': 6,
};

/** Mean time between two faults is half of it. */
const maxWaitMs = 350;

/** Below it a run would wait for the process that is suspended past its leases, and for nothing else. */
const longRun = 100;

/** The same faults for the same seed; only kinds that are in `possible`. */
export function planFaults(
  count: number,
  random: () => number,
  possible: ReadonlySet<FaultKind>,
): readonly Fault[] {
  const kinds = faultKinds.filter(
    (kind) => possible.has(kind) && (kind !== 'suspend process past its leases' || count >= longRun),
  );
  const lots = kinds.flatMap((kind) => Array.from({ length: shares[kind] }, () => kind));
  const draw = () => pick(lots, random);
  const drawn = Array.from({ length: count }, draw);
  // A short run meets the seldom kinds as well.
  for (const kind of kinds) {
    if (!drawn.includes(kind)) drawn[Math.floor(random() * count)] = kind;
  }
  return drawn.map((kind) => ({
    kind,
    waitMs: random() * maxWaitMs,
    place: random(),
    strength: random(),
  }));
}

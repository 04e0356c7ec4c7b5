/** How much slower work is than it could be, over kinds of work that take different times. */
export interface Slowdown {
  /** Of everything since the window or the phase began. */
  readonly meanMs: number;
  /** Since the window or the phase began. */
  readonly samples: number;
  add(kind: string, durationMs: number): void;
  /** How many times longer work took than its kind does at best, on average; a kind's best is the shortest mean of a window. Begins a new window. */
  endWindow(): number;
  /** How this phase of a probe compares with the one before; 0 for the first. Begins a new phase. */
  endPhase(): number;
  /** The shortest means of the probe's phases are the best of their kinds from now on. Begins a new window. */
  endProbe(): void;
}

/** Means of fewer say nothing about the best. */
const leastSamples = 5;
/** Timers and clocks are no finer. */
const finestMs = 0.1;

/** @param leastMs what is quicker counts as if it took this long */
export function createSlowdown(leastMs: number): Slowdown {
  return new SlowdownOfKinds(leastMs);
}

class Kind {
  count = 0;
  sumMs = 0;
  bestMs: number | undefined;
  phaseMs: number | undefined;
  probeBestMs: number | undefined;

  get meanMs(): number {
    return Math.max(finestMs, this.sumMs / this.count);
  }
}

class SlowdownOfKinds implements Slowdown {
  readonly #leastMs: number;
  readonly #kinds = new Map<string, Kind>();
  #sumMs = 0;
  samples = 0;

  constructor(leastMs: number) {
    this.#leastMs = leastMs;
  }

  get meanMs(): number {
    return this.samples === 0 ? 0 : this.#sumMs / this.samples;
  }

  add(name: string, durationMs: number): void {
    let kind = this.#kinds.get(name);
    if (kind === undefined) {
      kind = new Kind();
      this.#kinds.set(name, kind);
    }
    kind.count += 1;
    kind.sumMs += durationMs;
    this.samples += 1;
    this.#sumMs += durationMs;
  }

  endWindow(): number {
    const slowdown = this.#compare((kind) => kind.bestMs && Math.max(kind.bestMs, this.#leastMs)) ?? 1;
    for (const kind of this.#measured()) kind.bestMs = least(kind.bestMs, kind.meanMs);
    this.#clear();
    return slowdown;
  }

  endPhase(): number {
    const change = this.#compare((kind) => kind.phaseMs) ?? 0;
    for (const kind of this.#measured()) {
      kind.phaseMs = kind.meanMs;
      kind.probeBestMs = least(kind.probeBestMs, kind.meanMs);
    }
    this.#clear();
    return change;
  }

  endProbe(): void {
    for (const kind of this.#kinds.values()) {
      kind.bestMs = kind.probeBestMs ?? kind.bestMs;
      kind.phaseMs = undefined;
      kind.probeBestMs = undefined;
    }
    this.#clear();
  }

  /** The mean of what each piece took, as a multiple of what its kind is compared with; undefined if nothing can be compared. */
  #compare(reference: (kind: Kind) => number | undefined): number | undefined {
    let compared = 0;
    let sum = 0;
    for (const kind of this.#kinds.values()) {
      const referenceMs = reference(kind);
      if (kind.count === 0 || referenceMs === undefined) continue;
      compared += kind.count;
      sum += kind.count * (kind.meanMs / referenceMs);
    }
    return compared === 0 ? undefined : sum / compared;
  }

  #measured(): readonly Kind[] {
    return [...this.#kinds.values()].filter((kind) => kind.count >= leastSamples);
  }

  #clear(): void {
    this.samples = 0;
    this.#sumMs = 0;
    for (const kind of this.#kinds.values()) {
      kind.count = 0;
      kind.sumMs = 0;
    }
  }
}

function least(known: number | undefined, valueMs: number): number {
  return known === undefined ? valueMs : Math.min(known, valueMs);
}

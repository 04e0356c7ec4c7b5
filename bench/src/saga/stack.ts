export interface SagaLoad {
  /** Sagas under way at one time. */
  readonly concurrency: number;
  readonly durationMs: number;
}

export interface SagaFigures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU milliseconds of all processes for 1,000 sagas. */
  readonly cpuMsPer1000: number;
}

/** Something that runs a saga of three steps. */
export interface SagaStack {
  /** Runs one to its end. */
  runOne(index: number): Promise<void>;
  /** Effects that every finished saga must have: checked after each round. */
  check?(sagas: number): Promise<void>;
  stop(): Promise<void>;
}

/** A closed loop: each of `concurrency` customers starts its next saga when the last one has ended. */
export async function drive(
  stack: SagaStack,
  { concurrency, durationMs }: SagaLoad,
  cpuMs: () => number,
): Promise<SagaFigures & { readonly sagas: number }> {
  const times: number[] = [];
  const base = Math.floor(Math.random() * 2 ** 40);
  let next = 0;
  const cpuBefore = cpuMs();
  const startedAt = performance.now();
  const customer = async () => {
    while (performance.now() - startedAt < durationMs) {
      next += 1;
      const begunAt = performance.now();
      await stack.runOne(base + next);
      times.push(performance.now() - begunAt);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, customer));
  const tookMs = performance.now() - startedAt;
  const cpu = cpuMs() - cpuBefore;
  times.sort((left, right) => left - right);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  return {
    sagas: times.length,
    perSecond: (times.length * 1_000) / tookMs,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    cpuMsPer1000: (cpu * 1_000) / times.length,
  };
}

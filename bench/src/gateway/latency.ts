import type { BenchCase, CaseResult } from '../harness.ts';
import { summarise } from '../harness.ts';
import type { Target, Targets } from './targets.ts';
import { type LoadFigures, load } from './wrk.ts';

const connections = 64;

/** Half of what the target answers at most. */
async function halfRateOf(target: Target, seconds: number): Promise<number> {
  const { requestsPerSecond } = await load(target.url, { ...target, seconds, connections });
  return requestsPerSecond / 2;
}

/** Times of each proxy under about the same load: at most half of what the gateway takes, and less by what answers take. */
export async function halfLoadCases(
  { small, direct }: Targets,
  seconds: number,
): Promise<readonly BenchCase[]> {
  const own = small.find(({ name }) => name === 'banyan, pass-through');
  if (own === undefined) return [];
  const rate = await halfRateOf(own, seconds);
  const compared = small.filter(({ name }) => ['nginx', 'haproxy', own.name].includes(name));
  return [direct, ...compared].flatMap((target) =>
    timesOf(`${target.name}, half load`, () => load(target.url, { ...target, seconds, connections, rate })),
  );
}

/** What each proxy adds to the time without one. */
export function addedTimes(cases: readonly CaseResult[]): readonly CaseResult[] {
  const half = /^(.*), half load, (p\d\d)$/;
  return cases.flatMap((each) => {
    const [, name, quantile] = half.exec(each.name) ?? [];
    const direct = cases.find((other) => other.name === `direct, half load, ${quantile}`);
    if (name === undefined || name === 'direct' || direct === undefined) return [];
    return [summarise(`${name}, added ${quantile} at half load`, 'ms', [each.median - direct.median])];
  });
}

const moveEveryMs = 100;

/** The 99th percentile at half load, at rest and while the current-version link moves to and fro; either one comes first in turn. */
export async function ruleChangeCases(targets: Targets, seconds: number): Promise<readonly BenchCase[]> {
  const { versions, moveLink } = targets;
  const rate = await halfRateOf(versions, seconds);
  const p99 = async () => (await load(versions.url, { seconds, connections, rate })).p99Ms;
  const whileMoving = async () => {
    const moving = setInterval(moveLink, moveEveryMs);
    return p99().finally(() => clearInterval(moving));
  };
  let isRestFirst = false;
  let movingMs = Number.NaN;
  const both = async () => {
    isRestFirst = !isRestFirst;
    if (!isRestFirst) movingMs = await whileMoving();
    const restMs = await p99();
    if (isRestFirst) movingMs = await whileMoving();
    return restMs;
  };
  return [
    { name: 'p99 at rest', unit: 'ms', round: both },
    { name: 'p99 while rules change ten times a second', unit: 'ms', round: async () => movingMs },
  ];
}

/** Two figures of one measurement. */
function timesOf(name: string, measure: () => Promise<LoadFigures>): readonly BenchCase[] {
  let measured: LoadFigures | undefined;
  const p50 = async () => {
    measured = await measure();
    return measured.p50Ms;
  };
  return [
    { name: `${name}, p50`, unit: 'ms', round: p50 },
    { name: `${name}, p99`, unit: 'ms', round: async () => measured?.p99Ms ?? Number.NaN },
  ];
}

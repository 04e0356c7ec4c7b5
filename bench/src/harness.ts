/** One thing that is measured: a name, and a function that runs it once and gives one figure. */
export interface BenchCase {
  readonly name: string;
  readonly unit: string;
  /** One round. Called several times, in turn with the other cases, so that a drift of the machine hits all alike. */
  readonly round: () => Promise<number>;
}

export interface CaseResult {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface BenchResult {
  readonly cases: readonly CaseResult[];
  /** `banyan/peer` in the sense that more is better for Banyan, whatever the unit. */
  readonly ratios: Readonly<Record<string, number>>;
  /** What the figures mean and which bars they are held against. */
  readonly notes: readonly string[];
}

/** Runs every case `rounds` times, A B C A B C …, after one round of each that does not count, unless each round gets warm by itself. */
export async function interleave(
  cases: readonly BenchCase[],
  rounds: number,
  { getsWarm = false }: { readonly getsWarm?: boolean } = {},
): Promise<readonly CaseResult[]> {
  const figures = new Map(cases.map((each) => [each.name, [] as number[]]));
  for (let round = getsWarm ? 0 : -1; round < rounds; round += 1) {
    for (const each of cases) {
      const figure = await each.round();
      if (round >= 0) figures.get(each.name)?.push(figure);
      console.error(
        `${round < 0 ? 'warm-up' : `round ${round + 1}/${rounds}`}  ${each.name}: ${format(figure)} ${each.unit}`,
      );
    }
  }
  return cases.map(({ name, unit }) => summarise(name, unit, figures.get(name) ?? []));
}

export function summarise(name: string, unit: string, values: readonly number[]): CaseResult {
  const sorted = [...values].sort((left, right) => left - right);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return { name, unit, median: at(Math.floor(sorted.length / 2)), min: at(0), max: at(sorted.length - 1) };
}

/** How many times better `name` is than `peer`: by rate where more is better, by time where less is. */
export function ratio(cases: readonly CaseResult[], name: string, peer: string): number {
  const find = (wanted: string) => cases.find((each) => each.name === wanted);
  const own = find(name);
  const other = find(peer);
  if (own === undefined || other === undefined) return Number.NaN;
  const isRate = own.unit.endsWith('/s');
  return Number((isRate ? own.median / other.median : other.median / own.median).toFixed(2));
}

export function format(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(2);
}

import type { Trace, TraceSpan } from './trace.ts';

export interface ComparedSide {
  readonly count: number;
  readonly durationUs: number;
  readonly selfUs: number;
  readonly errors: number;
}

export interface ComparedRow {
  readonly service: string;
  readonly name: string;
  readonly left?: ComparedSide;
  readonly right?: ComparedSide;
  readonly selfDifferenceUs: number;
}

/** Two traces, operation by operation, the largest difference of own time first. */
export function compareTraces(left: Trace, right: Trace): readonly ComparedRow[] {
  const sides = [sumUp(left.spans), sumUp(right.spans)] as const;
  const keys = new Set([...sides[0].keys(), ...sides[1].keys()]);
  const rows = [...keys].map((key) => {
    const [service = '', name = ''] = key.split('\n');
    const [a, b] = [sides[0].get(key), sides[1].get(key)];
    return {
      service,
      name,
      ...(a === undefined ? undefined : { left: a }),
      ...(b === undefined ? undefined : { right: b }),
      selfDifferenceUs: (b?.selfUs ?? 0) - (a?.selfUs ?? 0),
    };
  });
  return rows.sort((a, b) => Math.abs(b.selfDifferenceUs) - Math.abs(a.selfDifferenceUs));
}

function sumUp(spans: readonly TraceSpan[]): ReadonlyMap<string, ComparedSide> {
  const groups = Map.groupBy(spans, ({ service, name }) => `${service}\n${name}`);
  const sum = (group: readonly TraceSpan[], of: (span: TraceSpan) => number) =>
    group.reduce((total, span) => total + of(span), 0);
  return new Map(
    [...groups].map(([key, group]) => [
      key,
      {
        count: group.length,
        durationUs: sum(group, ({ durationUs }) => durationUs),
        selfUs: sum(group, ({ selfUs }) => selfUs),
        errors: group.filter(({ isError }) => isError).length,
      },
    ]),
  );
}

import { format } from '../harness.ts';
import type { EventFigures } from './stack.ts';

/** What the table has no column for. */
export class Notes {
  readonly #figures = new Map<string, EventFigures[]>();

  add(name: string, figures: EventFigures): void {
    this.#figures.set(name, [...(this.#figures.get(name) ?? []), figures]);
  }

  lines(): readonly string[] {
    return [...this.#figures].map(([name, all]) => {
      const median = (pick: (figures: EventFigures) => number) =>
        format(all.map(pick).sort((left, right) => left - right)[Math.floor(all.length / 2)] ?? Number.NaN);
      const delays = `p50 ${median((each) => each.p50Ms)} ms, p99 ${median((each) => each.p99Ms)} ms`;
      return `${name}: ${delays}, CPU ${median((each) => each.cpuMsPer1000)} ms for 1,000 events`;
    });
  }
}

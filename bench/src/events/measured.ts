import type { BenchCase } from '../harness.ts';
import type { Notes } from './notes.ts';
import type { EventLoad, EventStack } from './stack.ts';

export interface Measured {
  readonly name: string;
  readonly start: () => Promise<EventStack>;
  readonly load: EventLoad;
}

/** Each round starts and stops its stack: nothing of one idles beside another. */
export function toCase({ name, start, load }: Measured, notes: Notes, unit = 'events/s'): BenchCase {
  const round = async () => {
    const stack = await start();
    try {
      await stack.run({ ...load, durationMs: 300 });
      const figures = await stack.run(load);
      notes.add(name, figures);
      return unit === 'events/s' ? figures.eventsPerSecond : figures.p50Ms;
    } finally {
      await stack.stop();
    }
  };
  return { name, unit, round };
}

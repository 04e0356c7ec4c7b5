import { ServiceError } from '@banyan/banyan';

export const dependencies = ['consumers', 'restaurants', 'accounting'] as const;
export type Dependency = (typeof dependencies)[number];

/** Which dependency is down when. Time is a number of slots of equal length, and only `enter` lets it pass. */
export interface Outages {
  enter(slot: number): void;
  /** Everything is up from now on. */
  end(): void;
  /** @throws ServiceError `unavailable` while `dependency` is down */
  check(dependency: Dependency): void;
}

/**
 * Each dependency is down in exactly `share` of the slots, in slots of its own choice.
 * @param random uniform in [0, 1)
 */
export function createOutages(slots: number, share: number, random: () => number): Outages {
  const down = new Map(
    dependencies.map((name) => [name, chooseSlots(slots, Math.round(slots * share), random)]),
  );
  let now: number | undefined;
  return {
    enter(slot) {
      now = slot;
    },
    end() {
      now = undefined;
    },
    check(dependency) {
      if (now === undefined || !down.get(dependency)?.has(now)) return;
      throw new ServiceError(`${dependency} is down.`, { code: 'unavailable', reason: 'simulated_outage' });
    },
  };
}

function chooseSlots(slots: number, count: number, random: () => number): Set<number> {
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor(random() * slots));
  return chosen;
}

import type { Clock } from '@banyan/core';

/** Something to wait for; a `raise` that nobody waits for is remembered for the next `wait`. */
export interface Signal {
  raise(): void;
  /** Resolves when raised, or after `maxMs`. */
  wait(maxMs: number): Promise<void>;
}

export function createSignal(clock: Clock): Signal {
  const waiting = new Set<() => void>();
  let isRaised = false;
  return {
    raise() {
      if (waiting.size === 0) isRaised = true;
      for (const end of [...waiting]) end();
    },
    wait(maxMs) {
      if (isRaised) {
        isRaised = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const end = () => {
          cancel();
          waiting.delete(end);
          resolve();
        };
        const cancel = clock.setTimer(end, maxMs);
        waiting.add(end);
      });
    },
  };
}

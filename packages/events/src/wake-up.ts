import type { Clock } from '@banyan/core';

/** A wait that can be cut short. A wake-up that comes while nobody waits ends the next wait at once, so that none is lost. */
export interface WakeUp {
  wake(): void;
  /** Resolves after `timeoutMs`, or as soon as somebody wakes it. One waiter at a time. */
  wait(timeoutMs: number): Promise<void>;
}

/**
 * Waits for `delayMs`, however often it is woken, or until `isOver` says so at a wake-up. Counted by a timer: a wall clock that is put back in the
 * meantime would make it wait for as long as that.
 */
export async function waitOut(
  wakeUp: WakeUp,
  {
    clock,
    delayMs,
    isOver,
  }: { readonly clock: Clock; readonly delayMs: number; readonly isOver: () => boolean },
): Promise<void> {
  let isDue = false;
  const cancel = clock.setTimer(() => {
    isDue = true;
    wakeUp.wake();
  }, delayMs);
  while (!isDue && !isOver()) await wakeUp.wait(delayMs);
  cancel();
}

export function createWakeUp(clock: Clock): WakeUp {
  let isDue = false;
  let end: (() => void) | undefined;
  return {
    wake() {
      isDue = true;
      end?.();
    },
    wait(timeoutMs) {
      return new Promise((resolve) => {
        const finish = () => {
          cancel();
          end = undefined;
          isDue = false;
          resolve();
        };
        const cancel = clock.setTimer(finish, timeoutMs);
        end = finish;
        if (isDue) finish();
      });
    },
  };
}

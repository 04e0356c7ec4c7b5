import type { Logger } from '@banyan/core';
import type { Instance } from '@banyan/discovery';
import type { ControlledSystem } from './controlled-system.ts';

/** A system whose processes somebody else runs: known from the registry, and not controlled from here. */
export interface RegisteredSystem extends ControlledSystem {
  /** Of all services, as the registry told last. */
  readonly instances: () => readonly Instance[];
  stop(): void;
}

export interface RegisteredSystemOptions {
  readonly list: () => Promise<readonly Instance[]>;
  /** Where operators try operations. */
  readonly gatewayUrl: string | undefined;
  readonly logger: Logger;
}

const everyMs = 2_000;

/** Asks the registry every two seconds. While that is away, what it said last is shown. */
export function watchRegistry({ list, gatewayUrl, logger }: RegisteredSystemOptions): RegisteredSystem {
  const listeners = new Set<() => void>();
  let instances: readonly Instance[] = [];
  let isAway = false;
  let isAsking = false;
  const look = async () => {
    if (isAsking) return;
    isAsking = true;
    try {
      const now = await list();
      const hasChanged = namesOf(now) !== namesOf(instances);
      instances = now;
      isAway = false;
      if (hasChanged) for (const listener of listeners) listener();
    } catch (error) {
      if (!isAway) logger.warn('the registry cannot be asked; showing what it said last', { error });
      isAway = true;
    } finally {
      isAsking = false;
    }
  };
  void look();
  const timer = setInterval(() => void look(), everyMs);
  return {
    instances: () => instances,
    processes: () => [],
    publicUrl: () => gatewayUrl,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    slow: async () => false,
    control: undefined,
    stop: () => clearInterval(timer),
  };
}

function namesOf(instances: readonly Instance[]): string {
  return instances
    .map(({ id }) => id)
    .toSorted()
    .join();
}

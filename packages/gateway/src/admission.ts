import { ServiceError } from '@banyan/core';
import type { GatewayLimits } from './limits.ts';

/** Counts the requests in progress, so that one client or a flood takes a bounded share of the machine. */
export interface Admission {
  /**
   * Takes a place for one request of `client`; give it back with `leave`.
   * @throws ServiceError `unavailable` `overloaded`, `resource_exhausted` `client_overloaded`, both with `retryAfterMs`
   */
  enter(client: string): void;
  leave(client: string): void;
}

export function createAdmission(
  limits: Pick<GatewayLimits, 'maxConcurrentRequests' | 'maxConcurrentPerClient'>,
): Admission {
  const perClient = new Map<string, number>();
  let running = 0;
  return {
    enter(client) {
      if (running >= limits.maxConcurrentRequests) throw overloaded();
      const mine = perClient.get(client) ?? 0;
      if (mine >= limits.maxConcurrentPerClient) throw clientOverloaded();
      perClient.set(client, mine + 1);
      running += 1;
    },
    leave(client) {
      running -= 1;
      const mine = perClient.get(client) ?? 0;
      if (mine > 1) perClient.set(client, mine - 1);
      else perClient.delete(client);
    },
  };
}

export function overloaded(): ServiceError {
  return new ServiceError('The system is handling as many requests as it can; try again in a moment.', {
    code: 'unavailable',
    reason: 'overloaded',
    retryAfterMs: 1_000,
    notStarted: true,
  });
}

function clientOverloaded(): ServiceError {
  return new ServiceError('Too many requests of yours are in progress; wait for some to end.', {
    code: 'resource_exhausted',
    reason: 'client_overloaded',
    retryAfterMs: 1_000,
    notStarted: true,
  });
}

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

/**
 * The client that an address stands for. An IPv6 subscriber owns a whole /64, so those count as one; IPv4 addresses mapped into
 * IPv6 count as IPv4.
 */
export function clientOfAddress(address: string | undefined): string {
  if (address === undefined) return '';
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':');
    while (groups.length + after.length < 8) groups.push('0');
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}

function overloaded(): ServiceError {
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

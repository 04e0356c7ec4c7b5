import type { EdgeOptions } from '@banyan/chassis';
import { isStreaming, type Operation } from '@banyan/contract';
import { isServiceError } from '@banyan/core';
import { type ConcurrencyLimit, createConcurrencyLimit } from '@banyan/resilience';
import { overloaded } from './admission.ts';
import type { Exchange } from './exchange.ts';
import type { Priority } from './policy.ts';

/** What each priority may use of a service's limit: the last tenth is for what matters most, and what matters least goes first. */
const shares: Readonly<Record<Exclude<Priority, 'exempt'>, number>> = { high: 1, normal: 0.9, low: 0.6 };

/** Refuses calls of one operation while its service has as many as it can answer in time. */
export interface Shedding {
  /** For as early as possible, before anything is read. @throws ServiceError `unavailable` `overloaded` */
  check(): void;
  /** Makes the call if there is room; the room is free again when the call or the exchange is over. @throws ServiceError `unavailable` `overloaded` */
  run<Result>(exchange: Exchange | undefined, call: () => Promise<Result>): Promise<Result>;
}

const none: Shedding = { check: () => undefined, run: (_exchange, call) => call() };

/** The limits of all services behind one gateway, each found out by itself. */
export interface ServiceLimits {
  sheddingOf(service: string, operation: Operation, priority: Priority): Shedding;
}

export function createServiceLimits(
  options: Pick<EdgeOptions, 'clock'> & { readonly maximum: number },
): ServiceLimits {
  const limits = new Map<string, ConcurrencyLimit>();
  return {
    sheddingOf(service, operation, priority) {
      // How long bytes take to arrive is the client's doing.
      if (priority === 'exempt' || isStreaming(operation)) return none;
      let limit = limits.get(service);
      if (limit === undefined) {
        limit = createConcurrencyLimit(options);
        limits.set(service, limit);
      }
      return createShedding(limit, operation.name, shares[priority]);
    },
  };
}

function createShedding(limit: ConcurrencyLimit, kind: string, share: number): Shedding {
  return {
    check() {
      if (limit.isFull(share)) throw overloaded();
    },
    async run(exchange, call) {
      const place = limit.enter(kind, share);
      if (place === undefined) throw overloaded();
      let outcome: 'done' | 'ignored' = 'ignored';
      let hasLeft = false;
      const leave = () => {
        if (!hasLeft) limit.leave(place, outcome);
        hasLeft = true;
      };
      // A service that does not notice that its caller is gone must not hold the place for ever.
      if (exchange !== undefined) exchange.answerer = { onExchangeClosed: leave };
      try {
        const result = await call();
        outcome = 'done';
        return result;
      } catch (error) {
        // Refusals and failures may be much faster than the work itself; one that ran out of time was slow.
        if (isServiceError(error) && error.code === 'deadline_exceeded') outcome = 'done';
        throw error;
      } finally {
        leave();
      }
    },
  };
}

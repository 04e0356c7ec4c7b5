import type { Clock, Logger } from '@banyan/core';
import type { EventLog } from '@banyan/events';

export interface LogRetentionOptions {
  readonly log: EventLog;
  readonly retentionMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Has the log forget what is older, at once and then now and then; every process of a system may do so at the same time. Returns a function that ends it
 * and waits for what is under way.
 */
export function keepRetention({ log, retentionMs, clock, logger }: LogRetentionOptions): () => Promise<void> {
  const intervalMs = Math.min(60_000, Math.max(1_000, retentionMs / 10));
  let isStopped = false;
  let cancel = () => {};
  let pruning: Promise<void> = Promise.resolve();
  const prune = async () => {
    try {
      const count = await log.prune(retentionMs);
      if (count > 0) logger.debug('the event log forgot old events', { count });
    } catch (error) {
      logger.warn('old events could not be removed from the log; trying again later', { error });
    }
    if (!isStopped) cancel = clock.setTimer(begin, intervalMs);
  };
  const begin = () => {
    pruning = prune();
  };
  begin();
  return async () => {
    isStopped = true;
    cancel();
    await pruning;
  };
}

import { isServiceError } from '@banyan/core';
import type { CloudEvent, EventLog } from '@banyan/events';
import { everywhere } from './samples.ts';

export interface Follower {
  readonly seen: readonly CloudEvent[];
  /** How often the log refused to open or to give a page. */
  readonly rejected: number;
  /** @throws what was no `unavailable` */
  stop(): Promise<void>;
}

const topics = ['orders.placed'];
/** A reader whose log was closed gives empty pages at once, for ever; opening another one tells. */
const pagesOfOneReader = 100;

/** Reads all partitions from the start, and opens another reader where the last page ended whenever one rejects, as a consumer does. */
export function follow(log: EventLog): Follower {
  const seen: CloudEvent[] = [];
  const from = everywhere(log.partitions, 'start');
  let isStopping = false;
  let rejected = 0;
  const work = (async () => {
    while (!isStopping) {
      try {
        const reader = await log.open({ group: 'g', topics, from });
        try {
          for (let pages = 0; pages < pagesOfOneReader && !isStopping; pages += 1) {
            const page = await reader.next(100, 200);
            for (const [partition, position] of page.positions) from.set(partition, { position });
            seen.push(...page.events);
          }
        } finally {
          await reader.close();
        }
      } catch (error) {
        if (!isServiceError(error) || error.code !== 'unavailable') throw error;
        // The test failed and cleaned up; nobody will stop this.
        if (error.reason === 'kafka_log_closed') throw error;
        rejected += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  })();
  work.catch(() => {});
  return {
    seen,
    get rejected() {
      return rejected;
    },
    stop() {
      isStopping = true;
      return work;
    },
  };
}

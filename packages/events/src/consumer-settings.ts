import { type Clock, type Logger, silentLogger, systemClock } from '@banyan/core';
import type { Alarm } from './alarm.ts';
import type { CloudEvent } from './cloud-event.ts';
import type { Delivery } from './delivery.ts';
import type { BatchOutcome, EventBatch } from './event-batch.ts';
import type { EventLog } from './event-log.ts';
import type { Inbox } from './inbox.ts';
import { checkGather } from './pace.ts';
import type { DeliverTwiceOptions } from './rehearsal.ts';

export interface ConsumerOptions {
  /** Consumer group: the service's name. */
  readonly name: string;
  /** This instance: different from every other running one, the same after a restart of this one (`orders-1`). */
  readonly instance: string;
  readonly log: EventLog;
  readonly inbox: Inbox;
  /** `service.event` names, and `@service.message` for messages. */
  readonly topics: readonly string[];
  /**
   * Handles one event: the patient way. Rejecting means "not handled": see the README for which errors are retried how. Runs for different keys at the
   * same time.
   */
  readonly handle: (event: CloudEvent, delivery: Delivery) => Promise<void>;
  /**
   * Handles many events in one transaction: the short way, for events that nothing is wrong with. Without it every event goes the patient way. Rejecting
   * means that nothing was committed and no event is to blame: the same batch comes again.
   */
  readonly handleBatch?: (batch: EventBatch) => Promise<BatchOutcome>;
  /** False for topics whose events must not share a transaction, because their handler calls out. Asked for each page. Default: all may. */
  readonly isBatchable?: (topic: string) => boolean;
  /** Handlers at the same time on the patient way. Default 16. */
  readonly concurrency?: number;
  /** For one event, and for one batch. Default 30,000. A claim's lease is this and a margin. */
  readonly handlerTimeoutMs?: number;
  /**
   * Deliveries that may fail by the handler's own fault before the event is dead. Default 8: with the back-off that is about a minute, longer than a
   * rolling restart, shorter than the patience of whoever waits behind it.
   */
  readonly maxAttempts?: number;
  /** True for an error that no later delivery can end differently: the event is dead at once. Default: what this package knows of itself. */
  readonly isFinal?: (error: unknown) => boolean;
  /** How long an event may wait for a dependency that is down. Default 24 hours. */
  readonly maxWaitMs?: number;
  /** How long events can wait if a wake-up was lost. Default 1,000. */
  readonly pollIntervalMs?: number;
  /** Events read from the log, and handled in one transaction, at most. Default 1,000; batches that take long are made smaller. */
  readonly batchSize?: number;
  /** Under load pages are read at least this far apart, so that events gather; one that comes after a pause is read at once. 0 for never waiting. Default 5. */
  readonly gatherMs?: number;
  /** Parts of this instance's partitions that are read and handled independently, so that one handles while another commits. Default 1. */
  readonly lanes?: number;
  /** An instance that is silent for so long loses its partitions. Default 15,000; it speaks every third of it. */
  readonly leaseMs?: number;
  /** How long finished events are remembered to recognise duplicates. Default 7 days. */
  readonly retentionMs?: number;
  /**
   * What to do when the log no longer keeps what comes next: `stop` reads on only after an operator has decided with `replay`; `skip` goes on with
   * the oldest event kept. Default `stop`, also for a log that notices that it lost events (`onLoss`) if retention dropped them. When it lost them otherwise
   * the outboxes fill it again, and the consumer goes on by itself, from as far back as it remembers ids.
   */
  readonly onPositionLost?: 'stop' | 'skip';
  /** The oldest unhandled event may be this old before the alarm is raised. Default 60,000. */
  readonly overdueAfterMs?: number;
  /** Called once when events are overdue and once when they no longer are. */
  readonly onAlarm?: (alarm: Alarm) => void;
  /** For development: every event comes twice, late and out of order across keys, and handling is interrupted just before the commit. */
  readonly deliverTwice?: DeliverTwiceOptions;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

type Optional = 'deliverTwice' | 'handleBatch' | 'onAlarm' | 'onPositionLost';

export type ConsumerSettings = Required<Omit<ConsumerOptions, Optional>> & Pick<ConsumerOptions, Optional>;

/** @throws TypeError */
export function toConsumerSettings(options: ConsumerOptions): ConsumerSettings {
  const settings: ConsumerSettings = {
    isBatchable: () => true,
    concurrency: 16,
    handlerTimeoutMs: 30_000,
    maxAttempts: 8,
    isFinal: () => false,
    maxWaitMs: 24 * 3_600_000,
    pollIntervalMs: 1_000,
    batchSize: 1_000,
    gatherMs: 5,
    lanes: 1,
    leaseMs: 15_000,
    retentionMs: 7 * 24 * 3_600_000,
    overdueAfterMs: 60_000,
    clock: systemClock,
    logger: silentLogger,
    random: Math.random,
    ...options,
  };
  checkNumbers(settings);
  checkGather('createConsumer', settings.gatherMs);
  if (settings.batchSize > 10_000) throw new TypeError('createConsumer(): `batchSize` is at most 10,000.');
  if (settings.name === '' || settings.instance === '') {
    throw new TypeError('createConsumer(): give `name` and `instance` a text.');
  }
  if (typeof settings.handle !== 'function') throw new TypeError('createConsumer(): `handle` is a function.');
  return settings;
}

function checkNumbers(settings: ConsumerSettings): void {
  for (const name of [
    'concurrency',
    'maxAttempts',
    'batchSize',
    'lanes',
    'handlerTimeoutMs',
    'pollIntervalMs',
    'leaseMs',
  ] as const) {
    const value = settings[name];
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new TypeError(`createConsumer(): \`${name}\` is a whole number from 1, not ${String(value)}.`);
    }
  }
}

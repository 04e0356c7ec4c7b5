import { type BanyanAlarm, platformEvents } from '@banyan/contract';
import type { Clock, Logger, Sql } from '@banyan/core';
import { createEvent } from '@banyan/events';
import type { Metrics } from '@banyan/telemetry';
import type { ServiceStore } from './engines.ts';

export interface AlarmEventOptions {
  readonly service: string;
  readonly store: ServiceStore;
  /** Called when the event is committed. */
  readonly onEmitted: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Emits an alarm of the platform, for whoever wants to be woken, and counts it. Never rejects, because an alarm must not stop what raised it: a failure to
 * record it is a line in the log.
 * @param note says in the same transaction whether it is news, where several instances may see it; default: it is
 * @returns whether it is on record, by this call or before
 */
export async function emitAlarm(
  { service, store, onEmitted, clock, logger, metrics }: AlarmEventOptions,
  alarm: BanyanAlarm,
  note: (sql: Sql) => Promise<boolean> = async () => true,
): Promise<boolean> {
  const { name, type } = platformEvents(service).banyanAlarm;
  const key = alarm.invariant;
  const event = createEvent({ service, name, type, key, data: alarm, occurredAtMs: clock.nowMs() });
  const { database, outbox } = store;
  try {
    const isNews = await database.tx(async ({ sql }) => {
      const isFirst = await note(sql);
      if (isFirst) await outbox.append(sql, [event]);
      return isFirst;
    });
    if (!isNews) return true;
    if (alarm.state === 'broken') countAlarm(metrics, service, alarm.invariant);
    onEmitted();
    return true;
  } catch (error) {
    logger.warn('the alarm could not be recorded as an event', { error });
    return false;
  }
}

function countAlarm(metrics: Metrics, service: string, invariant: string): void {
  const help = 'Standing invariants that broke.';
  const alarms = metrics.counter({ name: 'banyan_alarms_total', help, labels: ['service', 'invariant'] });
  alarms.labels(service, invariant).inc();
}

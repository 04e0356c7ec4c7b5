import { type BanyanAlarm, platformEvents } from '@banyan/contract';
import type { Clock, Logger } from '@banyan/core';
import { createEvent } from '@banyan/events';
import type { ServiceStore } from './engines.ts';

export interface AlarmEventOptions {
  readonly service: string;
  readonly store: ServiceStore;
  /** Called when the event is committed. */
  readonly onEmitted: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Emits an alarm of the platform, for whoever wants to be woken. A failure to do so is a line in the log: an alarm must not stop what raised it. */
export function emitAlarm(
  { service, store, onEmitted, clock, logger }: AlarmEventOptions,
  alarm: BanyanAlarm,
): void {
  const { name, type } = platformEvents(service).banyanAlarm;
  const key = alarm.invariant;
  const event = createEvent({ service, name, type, key, data: alarm, occurredAtMs: clock.nowMs() });
  const { database, outbox } = store;
  database
    .tx(({ sql }) => outbox.append(sql, [event]))
    .then(onEmitted, (error) => logger.warn('the alarm could not be recorded as an event', { error }));
}

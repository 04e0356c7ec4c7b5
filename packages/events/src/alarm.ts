import type { Clock, Logger } from '@banyan/core';

/**
 * A standing invariant broke, or holds again. Outbox: every committed event is published or put aside within `boundMs`. Consumer: no event waits for
 * longer than `boundMs` without being handled, dead, or behind a dead one.
 */
export interface Alarm {
  readonly invariant: 'outbox' | 'consumer';
  readonly state: 'broken' | 'restored';
  /** Age of the oldest event that waits. */
  readonly ageMs: number;
  readonly boundMs: number;
  /** Events that wait. */
  readonly count: number;
}

export interface AlarmWatchOptions {
  readonly invariant: Alarm['invariant'];
  readonly boundMs: number;
  readonly onAlarm: ((alarm: Alarm) => void) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells once when an invariant breaks and once when it holds again; while it is broken the log gets an error a minute. */
export interface AlarmWatch {
  readonly isBroken: boolean;
  observe(standing: { readonly ageMs: number; readonly count: number }): void;
}

const repeatIntervalMs = 60_000;

export function createAlarmWatch(options: AlarmWatchOptions): AlarmWatch {
  const { invariant, boundMs, onAlarm, clock, logger } = options;
  let isBroken = false;
  let repeatAtMs = 0;
  const raise = (alarm: Alarm) => {
    try {
      onAlarm?.(alarm);
    } catch (error) {
      logger.warn('the listener to alarms failed', { error });
    }
  };
  return {
    get isBroken() {
      return isBroken;
    },
    observe({ ageMs, count }) {
      const wasBroken = isBroken;
      isBroken = ageMs > boundMs;
      if (isBroken && (!wasBroken || clock.nowMs() >= repeatAtMs)) {
        repeatAtMs = clock.nowMs() + repeatIntervalMs;
        logger.error('events are overdue', { invariant, count, ageMs, boundMs });
      }
      if (isBroken !== wasBroken) {
        raise({ invariant, state: isBroken ? 'broken' : 'restored', ageMs, boundMs, count });
      }
    },
  };
}

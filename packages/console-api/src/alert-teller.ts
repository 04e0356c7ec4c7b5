import type { Clock, Logger } from '@banyan/core';
import type { Alert, AlertNotice, TelemetryStore } from '@banyan/telemetry-store';

/** Somebody who is told of alerts: a webhook, or what sends e-mail. */
export interface AlertNotifier {
  /** Also when the alert has ended: with `endedAt`. @throws if it could not be told */
  notify(alert: Alert): Promise<void>;
}

export interface AlertTellerOptions {
  readonly store: Pick<TelemetryStore, 'onAlert' | 'dueNotices' | 'noticeTold' | 'noticeFailed'>;
  /** By the names of the store's `alertChannels`. */
  readonly notifiers: Readonly<Record<string, AlertNotifier>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const lookEveryMs = 1_000;

/**
 * Tells what the store has to tell, each notice at least once, whatever ends in between: what fails is tried again with a back-off for a day, also by the next
 * process. One notifier that fails or is slow keeps nothing from another.
 * @returns a function that ends it, and resolves when nobody is being told any more
 */
export function tellAlerts(options: AlertTellerOptions): () => Promise<void> {
  const { store, notifiers, clock, logger } = options;
  if (Object.keys(notifiers).length === 0) return async () => {};
  let isStopped = false;
  let cancel = () => {};
  let looking: Promise<void> = Promise.resolve();
  const look = async () => {
    try {
      const due = await store.dueNotices();
      const channels = Map.groupBy(due, ({ channel }) => channel);
      await Promise.all([...channels.values()].map((notices) => tellInOrder(notices, options)));
    } catch (error) {
      logger.debug('nobody knows whom to tell of alerts; trying on', { error });
    }
    schedule();
  };
  const schedule = () => {
    if (isStopped) return;
    cancel = clock.setTimer(() => {
      looking = look();
    }, lookEveryMs);
  };
  schedule();
  return async () => {
    isStopped = true;
    cancel();
    await looking;
  };
}

async function tellInOrder(notices: readonly AlertNotice[], options: AlertTellerOptions): Promise<void> {
  const { store, notifiers, logger } = options;
  for (const notice of notices) {
    const { noticeId, channel, alert, attempts } = notice;
    try {
      await notifiers[channel]?.notify(alert);
    } catch (error) {
      const isTriedAgain = await store.noticeFailed(notice);
      const fields = { alertId: alert.alertId, channel, attempt: attempts + 1, error };
      if (isTriedAgain) logger.warn('nobody could be told of an alert; trying on', fields);
      else logger.error('nobody could be told of an alert for a day; giving it up', fields);
      continue;
    }
    await store.noticeTold(noticeId);
  }
}

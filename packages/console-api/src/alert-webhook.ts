import { type Clock, type Logger, sleep } from '@banyan/core';
import type { Alert } from '@banyan/telemetry-store';

/** Somebody who is told of alerts: a webhook, or what sends e-mail. */
export interface AlertNotifier {
  /** @throws if it could not be told */
  notify(alert: Alert): Promise<void>;
}

const timeoutMs = 10_000;

/** Posts each alert as JSON: `{ kind: 'banyan.alert', state: 'firing' | 'ended', alert }`. */
export function createWebhookNotifier(url: string): AlertNotifier {
  return {
    async notify(alert) {
      const state = alert.endedAt === undefined ? 'firing' : 'ended';
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'banyan.alert', state, alert }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
    },
  };
}

const attempts = 5;
const firstBackoffMs = 1_000;

export interface RetryOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A function that tells `notifier`, and again when it fails: five times in a quarter of a minute. What is said of one alert is said in order: its end waits
 * until its begin is told or given up. Never rejects.
 */
export function withRetries(notifier: AlertNotifier, options: RetryOptions): (alert: Alert) => Promise<void> {
  const telling = new Map<string, Promise<void>>();
  return async (alert) => {
    const { alertId } = alert;
    const before = telling.get(alertId) ?? Promise.resolve();
    const told = before.then(() => tell(notifier, alert, options));
    telling.set(alertId, told);
    await told;
    if (telling.get(alertId) === told) telling.delete(alertId);
  };
}

async function tell(notifier: AlertNotifier, alert: Alert, { clock, logger }: RetryOptions): Promise<void> {
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    try {
      await notifier.notify(alert);
      return;
    } catch (error) {
      logger.warn('nobody could be told of an alert', { alertId: alert.alertId, attempt, error });
      if (attempt < attempts) await sleep(firstBackoffMs * 2 ** (attempt - 1), clock);
    }
  }
}

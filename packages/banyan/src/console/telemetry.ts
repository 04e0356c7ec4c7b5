import {
  type ConsoleServerOptions,
  createLive,
  createWebhookNotifier,
  type Live,
  otlpRoutes,
  telemetryHandlers,
  withRetries,
} from '@banyan/console-api';
import type { Clock, Logger } from '@banyan/core';
import { provisionSystem } from '@banyan/postgres';
import { createTelemetryStore, type TelemetryStore } from '@banyan/telemetry-store';

export interface ConsoleTelemetryOptions {
  /** A role that may create databases. */
  readonly adminUrl: string;
  readonly system: string;
  readonly secret: string;
  readonly runId: string;
  /** RFC 3339 UTC, of the run. */
  readonly startedAt: string;
  /** What the list of runs shows of this one. */
  readonly about: Readonly<Record<string, string>>;
  readonly maxBytes: number | undefined;
  readonly maxAgeMs: number | undefined;
  /** Where alerts are posted to. */
  readonly alertWebhook: string | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The telemetry half of a console, with its store open. */
export interface ConsoleTelemetry extends Required<Pick<ConsoleServerOptions, 'telemetry' | 'routes'>> {
  readonly store: TelemetryStore;
  readonly live: Live;
  /** Writes what waits, says that the run has ended, and closes. Idempotent. */
  stop(): Promise<void>;
}

/** Its database is `svc_banyan_telemetry`. */
const databaseService = 'banyan-telemetry';

/** Opens the store, in a database of its own beside those of the services. @throws what keeps it from opening */
export async function openConsoleTelemetry(options: ConsoleTelemetryOptions): Promise<ConsoleTelemetry> {
  const { adminUrl, system, secret, runId, startedAt, about, maxBytes, maxAgeMs, clock, logger } = options;
  const { serviceUrls } = await provisionSystem({ adminUrl, system, secret, services: [databaseService] });
  const store = createTelemetryStore({
    url: serviceUrls[databaseService] ?? '',
    ...(maxBytes === undefined ? undefined : { maxBytes }),
    ...(maxAgeMs === undefined ? undefined : { maxAgeMs }),
    clock,
    logger,
  });
  try {
    await store.start();
    await store.beginRun({ runId, startedAt, attributes: about });
  } catch (error) {
    await store.stop();
    throw error;
  }
  const live = createLive({ store, clock, logger });
  watchAlerts(store, live, options);
  return {
    store,
    live,
    telemetry: telemetryHandlers(store, clock.nowMs),
    routes: [...otlpRoutes(store, logger), live.route],
    async stop() {
      live.close();
      await store
        .endRun(runId)
        .catch((error: unknown) => logger.debug('the end of the run was not kept', { error }));
      await store.stop();
    },
  };
}

interface Watching {
  readonly alertWebhook: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

function watchAlerts(store: TelemetryStore, live: Live, { alertWebhook, clock, logger }: Watching): void {
  const notify =
    alertWebhook === undefined
      ? undefined
      : withRetries(createWebhookNotifier(alertWebhook), { clock, logger });
  store.onAlert((alert) => {
    live.tell('alerts', alert);
    const fields = { alertId: alert.alertId, objectiveId: alert.objectiveId };
    if (alert.endedAt === undefined) logger.warn(`alert: ${alert.summary}`, fields);
    else logger.info(`alert ended: ${alert.summary}`, fields);
    void notify?.(alert);
  });
}

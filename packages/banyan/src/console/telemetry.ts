import {
  type AlertNotifier,
  type ConsoleServerOptions,
  createLive,
  createMailNotifier,
  createWebhookNotifier,
  type Live,
  otlpRoutes,
  telemetryHandlers,
  tellAlerts,
} from '@banyan/console-api';
import type { Clock, Logger } from '@banyan/core';
import { provisionSystem } from '@banyan/postgres';
import { createTelemetryStore, type TelemetryStore } from '@banyan/telemetry-store';
import type { AlertMail } from '../alert-mail.ts';

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
  /** Where alerts, and errors that appear, are posted to. */
  readonly alertWebhook: string | undefined;
  readonly alertMail: AlertMail | undefined;
  /** By services. */
  readonly errorOwners: Readonly<Record<string, string>>;
  /** For links in mails. */
  readonly consoleUrl: string;
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
  const notifiers = notifiersOf(options);
  const store = createTelemetryStore({
    url: serviceUrls[databaseService] ?? '',
    ...(maxBytes === undefined ? undefined : { maxBytes }),
    ...(maxAgeMs === undefined ? undefined : { maxAgeMs }),
    alertChannels: Object.keys(notifiers),
    errorOwners: options.errorOwners,
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
  watchAlerts(store, live, logger);
  const endTelling = tellAlerts({ store, notifiers, clock, logger });
  return {
    store,
    live,
    telemetry: telemetryHandlers(store, clock.nowMs),
    routes: [...otlpRoutes(store, logger), live.route],
    async stop() {
      live.close();
      await endTelling();
      await store
        .endRun(runId)
        .catch((error: unknown) => logger.debug('the end of the run was not kept', { error }));
      await store.stop();
    },
  };
}

/** By the names under which the store keeps what they are to be told. */
function notifiersOf({ alertWebhook, alertMail, system, consoleUrl }: ConsoleTelemetryOptions) {
  const notifiers: Record<string, AlertNotifier> = {};
  if (alertWebhook !== undefined) notifiers['webhook'] = createWebhookNotifier(alertWebhook);
  if (alertMail !== undefined) notifiers['mail'] = createMailNotifier({ ...alertMail, system, consoleUrl });
  return notifiers;
}

function watchAlerts(store: TelemetryStore, live: Live, logger: Logger): void {
  store.onAlert((alert) => {
    live.tell('alerts', alert);
    const { alertId, objectiveId, errorRuleId } = alert;
    const fields = { alertId, ...(objectiveId === undefined ? { errorRuleId } : { objectiveId }) };
    if (alert.endedAt === undefined) logger.warn(`alert: ${alert.summary}`, fields);
    else logger.info(`alert ended: ${alert.summary}`, fields);
  });
}

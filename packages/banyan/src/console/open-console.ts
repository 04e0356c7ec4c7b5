import { sleep, systemClock } from '@banyan/core';
import type { Closing } from '../closing.ts';
import { consoleHost, portOf } from './console-port.ts';
import type { ConsolePlan } from './console-talk.ts';
import { createLateTelemetry } from './late-telemetry.ts';
import { consoleSite } from './site.ts';
import { type StartConsoleOptions, startConsole } from './start-console.ts';
import type { SupervisedSystem } from './supervised-system.ts';

export interface OpenConsoleOptions
  extends Omit<
    StartConsoleOptions,
    'telemetry' | 'routes' | 'site' | 'listener' | 'early' | 'environment' | 'runId' | 'instance'
  > {
  readonly plan: ConsolePlan;
  readonly controlled: SupervisedSystem;
  readonly closing: Closing;
  readonly stopRequested: Promise<unknown>;
  /** Where browsers reach it. Default: this machine. */
  readonly publicUrl?: string;
}

/** How long pages wait for the store of telemetry; then they say that it is away, until it is there. */
const storeWaitMs = 5_000;

/** The console with its telemetry, which comes later if its store does not open now. @returns its address */
export async function openConsole(options: OpenConsoleOptions): Promise<string> {
  const { plan, system, settings, controlled, logger, closing, stopRequested } = options;
  const { adminUrl, secret, runId, startedAt, about } = plan;
  const late = createLateTelemetry({
    ...{ adminUrl, secret, system: system.name, runId, startedAt, about },
    ...settings.telemetryStore,
    consoleUrl: options.publicUrl ?? `http://${consoleHost}:${portOf(controlled.listener)}`,
    clock: systemClock,
    logger,
  });
  closing.push(() => late.stop());
  closing.push(async () => unwatch());
  const unwatch = controlled.onChange(() => late.tell('system', {}));
  const site = await consoleSite({ logger, progress: { note: (text) => logger.warn(text) } });
  await Promise.race([late.opened, sleep(storeWaitMs, systemClock), stopRequested]);
  const console = await startConsole({
    ...options,
    ...{ listener: controlled.listener, early: controlled.early },
    ...{ runId, instance: plan.instance },
    environment: Object.fromEntries(plan.fromEnvironment.map((name) => [name, settings.source[name]])),
    site,
    telemetry: late.telemetry,
    routes: late.routes,
  });
  // First of all, so that the port is free, and nobody is told to come again by what is half closed.
  closing.push(() => console.stop());
  return console.url;
}

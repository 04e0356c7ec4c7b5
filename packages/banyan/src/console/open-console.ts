import type { Closing } from '../closing.ts';
import type { DataFolder } from '../data-folder.ts';
import { defaultConsolePort } from '../environment.ts';
import type { Progress } from '../progress.ts';
import { tellConsole } from './console-client.ts';
import { portOf } from './console-port.ts';
import { consoleSite } from './site.ts';
import { type StartConsoleOptions, startConsole } from './start-console.ts';
import { type ConsoleTelemetry, openConsoleTelemetry } from './telemetry.ts';

export interface OpenConsoleOptions extends Omit<StartConsoleOptions, 'telemetry' | 'routes' | 'site'> {
  readonly runId: string;
  /** See `openConsoleTelemetry`. */
  readonly adminUrl: string;
  readonly secret: string;
  readonly placement: string;
  readonly folder: DataFolder;
  readonly progress: Progress;
  readonly closing: Closing;
}

/** The console of a run with its telemetry, or without it if its store does not open: a system runs without either. @returns its address */
export async function openConsole(options: OpenConsoleOptions): Promise<string> {
  const { settings, run, folder, listener, runId, progress, closing } = options;
  const port = portOf(listener);
  if (settings.consolePort === 'preferred' && port !== defaultConsolePort)
    progress.note(`Port ${defaultConsolePort} is taken; the console is on ${port}.`);
  const parts = await openTelemetry(options);
  if (parts !== undefined) {
    closing.push(() => parts.stop());
    const unwatch = run.onChange(() => parts.live.tell('system', {}));
    closing.push(async () => unwatch());
  }
  const console = await startConsole({
    ...options,
    site: await consoleSite(options),
    ...(parts === undefined ? undefined : { telemetry: parts.telemetry, routes: parts.routes }),
  });
  closing.push(() => console.stop());
  closing.push(await tellConsole(folder, { url: console.url, runId }));
  return console.url;
}

async function openTelemetry(options: OpenConsoleOptions): Promise<ConsoleTelemetry | undefined> {
  const { adminUrl, secret, system, settings, runId, placement, terminal, logger, progress } = options;
  try {
    return await openConsoleTelemetry({
      adminUrl,
      secret,
      system: system.name,
      runId,
      about: { placement, version: terminal.version },
      ...settings.telemetryStore,
      logger,
    });
  } catch (error) {
    logger.error('the telemetry store does not open', { error });
    progress.note('The console shows no telemetry: its store does not open, the log says why.');
    return undefined;
  }
}

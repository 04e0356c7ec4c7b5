import type { Server } from 'node:net';
import { type Logger, sleep, systemClock } from '@banyan/core';
import type { DataFolder } from '../data-folder.ts';
import { defaultConsolePort } from '../environment.ts';
import type { LogFile } from '../log-file.ts';
import type { Progress } from '../progress.ts';
import { type Run, showLine, showStatus } from '../run.ts';
import type { Settings } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { tellConsole } from './console-client.ts';
import { portOf } from './console-port.ts';
import { createConsoleProcess } from './console-process.ts';

export interface ConsoleRunOptions {
  /** Both absolute. */
  readonly directory: string;
  readonly dataDirectory: string;
  readonly settings: Settings;
  /** See `takeConsolePort`. */
  readonly listener: Server;
  readonly run: Run;
  readonly terminal: Terminal;
  readonly logger: Logger;
  readonly log: LogFile;
  readonly folder: DataFolder;
  readonly progress: Progress;
  /** See `ConsolePlan`. */
  readonly adminUrl: string;
  readonly secret: string;
  readonly instance: string;
  readonly placement: string;
}

/** The console of one `banyan up`, as its user sees it. */
export interface ConsoleRun {
  /**
   * Resolves with its address, at the latest when it has failed for the first time or takes too long: it then comes later. Undefined if it is stopped before.
   * Never rejects.
   */
  start(): Promise<string | undefined>;
  tellPublicUrl(url: string | undefined): void;
  /** The system begins to stop; the console is there until `stop`. */
  expectEnd(): void;
  stop(): Promise<void>;
}

/** How long its address is held back if it is not there yet; it then comes later. */
const startWaitMs = 20_000;

export function createConsoleRun(options: ConsoleRunOptions): ConsoleRun {
  const { settings, listener, run, terminal, logger, folder, progress } = options;
  const { runId } = settings.telemetry;
  const { environment } = terminal;
  let publicUrl: string | undefined;
  let forget = async () => {};
  const failed = Promise.withResolvers<void>();
  const child = createConsoleProcess({
    plan: {
      runId,
      startedAt: new Date(systemClock.nowMs()).toISOString(),
      about: { placement: options.placement, version: terminal.version },
      adminUrl: options.adminUrl,
      secret: options.secret,
      instance: options.instance,
      fromEnvironment: Object.keys(settings.source).filter((name) => environment[name]),
      fromConsole: settings.fromConsole,
    },
    directory: options.directory,
    dataDirectory: options.dataDirectory,
    environment: settings.source,
    listener,
    run,
    publicUrl: () => publicUrl,
    onOutput: (line) => showLine(line, options),
    onChange: (status) => {
      if (status.state === 'waiting') failed.resolve();
      showStatus(status, options);
    },
    clock: systemClock,
    logger,
  });
  return {
    async start() {
      if (settings.consolePort === 'preferred' && portOf(listener) !== defaultConsolePort)
        progress.note(`Port ${defaultConsolePort} is taken; the console is on ${portOf(listener)}.`);
      const isStopped = child.start().then(
        () => false,
        () => true,
      );
      const isLater = Promise.race([failed.promise, sleep(startWaitMs, systemClock)]).then(() => false);
      if (await Promise.race([isStopped, isLater])) return undefined;
      try {
        forget = await tellConsole(folder, { url: child.url, runId });
      } catch (error) {
        logger.warn('commands that ask the console will not find it: its address cannot be written down', {
          error,
        });
      }
      return child.url;
    },
    tellPublicUrl(url) {
      publicUrl = url;
      child.tell();
    },
    expectEnd: () => child.expectEnd(),
    async stop() {
      await child.stop();
      await forget();
    },
  };
}

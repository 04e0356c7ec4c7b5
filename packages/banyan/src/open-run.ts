import type { Server } from 'node:net';
import type { System } from '@banyan/chassis';
import type { Logger } from '@banyan/core';
import { takeInstanceName } from '@banyan/postgres';
import { createMetrics, createTelemetry } from '@banyan/telemetry';
import type { Closing } from './closing.ts';
import { createConsoleRun } from './console/console-run.ts';
import { type DataFolder, readOrCreateSecret } from './data-folder.ts';
import { startDatabaseServer } from './database-server.ts';
import { defaultPort } from './environment.ts';
import type { LaunchPlan } from './launch.ts';
import { openLogFile } from './log-file.ts';
import type { Placement } from './placement.ts';
import type { Progress } from './progress.ts';
import { createRun, type Run, type RunOptions } from './run.ts';
import { createRunLogger } from './run-logger.ts';
import type { Settings } from './settings.ts';
import type { Terminal } from './terminal.ts';

export interface OpenRunOptions {
  readonly system: System;
  /** Both absolute. */
  readonly directory: string;
  readonly dataDirectory: string;
  /** Locked by this process. */
  readonly folder: DataFolder;
  readonly settings: Settings;
  /** See `takeConsolePort`. Undefined: without a console. */
  readonly listener: Server | undefined;
  readonly placement: Placement;
  /** What the list of runs says of the placement. */
  readonly about: string;
  /** See `RunLoggerOptions`. */
  readonly verbose: boolean;
  readonly terminal: Terminal;
  readonly progress: Progress;
  /** Gets all that was opened, also if the opening fails half-way. */
  readonly closing: Closing;
}

export interface OpenedRun {
  readonly run: Run;
  /** Starts the services, and the console beside them. */
  start(): Promise<Addresses>;
}

export interface Addresses {
  readonly publicUrl: string | undefined;
  readonly consoleUrl: string | undefined;
}

/** The database server of a run, its name there, and its logs; and then the run and its console, which do not start yet. */
export async function openRun(options: OpenRunOptions): Promise<OpenedRun> {
  const { listener, about, closing } = options;
  const outlets = openOutlets(options);
  const { telemetry } = outlets;
  const { plan, adminUrl } = await startServer(options, outlets.logger);
  telemetry.useInstance(plan.instance);
  const run = createRun({ ...options, ...outlets, plan });
  const consoleRun =
    listener === undefined
      ? undefined
      : createConsoleRun({
          ...{ ...options, ...outlets, listener, run, adminUrl, placement: about },
          ...{ secret: plan.secret, instance: plan.instance },
        });
  // Last first: the console goes after all that it is told of.
  if (consoleRun !== undefined) closing.push(() => consoleRun.stop());
  closing.push(() => telemetry.stop());
  closing.push(() => run.stop());
  if (consoleRun !== undefined) closing.push(async () => consoleRun.expectEnd());
  return {
    run,
    async start() {
      const consoleUrl = consoleRun?.start();
      const { publicUrl } = await run.start();
      consoleRun?.tellPublicUrl(publicUrl);
      return { publicUrl, consoleUrl: await consoleUrl };
    },
  };
}

type Outlets = Pick<RunOptions, 'log' | 'metrics' | 'telemetry' | 'logger'>;

/** Where this process says what it does. */
function openOutlets({ system, folder, settings, verbose, terminal, closing }: OpenRunOptions): Outlets {
  const log = openLogFile(folder.logFile, (error) => terminal.fail(`no more log lines: ${error.message}`));
  closing.push(() => log.close());
  const metrics = createMetrics();
  const telemetry = createTelemetry({
    settings: settings.telemetry,
    system: system.name,
    instance: wantedInstance(settings),
    zone: settings.zone,
    pid: process.pid,
    metrics,
  });
  closing.push(() => telemetry.stop());
  const logger = createRunLogger({ log, terminal, settings, telemetry, verbose });
  telemetry.useLogger(logger);
  return { log, metrics, telemetry, logger };
}

/** Its name among the runs on one database, unless that is taken. */
function wantedInstance({ instance = '1' }: Settings): string {
  return instance;
}

interface StartedServer {
  readonly plan: Omit<LaunchPlan, 'parts' | 'isAlone'>;
  readonly adminUrl: string;
}

async function startServer(options: OpenRunOptions, logger: Logger): Promise<StartedServer> {
  const { system, placement, folder, settings, progress, closing } = options;
  const secret = settings.secret ?? (await readOrCreateSecret(folder));
  const server = await startDatabaseServer({ system, folder, settings, secret, logger, progress });
  closing.push(() => server.stop());
  const wanted = wantedInstance(settings);
  const parts = placement.flat();
  // Nobody else runs on the embedded server, whose folder is locked.
  const name =
    settings.databaseUrl === undefined
      ? undefined
      : await takeInstanceName({ platformUrl: server.urls.platformUrl, system: system.name, parts, wanted });
  if (name !== undefined) closing.push(() => name.release());
  name?.useLogger(logger);
  const plan = {
    ...server.urls,
    ...(settings.brokerUrl === undefined ? undefined : { broker: settings.brokerUrl }),
    ...(settings.cacheUrl === undefined ? undefined : { cache: settings.cacheUrl }),
    ...(settings.logRetentionMs === undefined ? undefined : { logRetentionMs: settings.logRetentionMs }),
    secret,
    ...(settings.tls === undefined ? undefined : { tls: settings.tls }),
    dataFolder: folder.files,
    development: settings.development,
    harsh: settings.harsh,
    callbacks: settings.callbacks,
    ...(settings.zone === undefined ? undefined : { zone: settings.zone }),
    ...(settings.label === undefined ? undefined : { label: settings.label }),
    instance: name?.name ?? wanted,
    internalHost: '127.0.0.1',
    publicHost: settings.host,
    ...(settings.publicTls === undefined ? undefined : { publicTls: settings.publicTls }),
    publicPort: settings.port ?? defaultPort,
  };
  return { plan, adminUrl: server.adminUrl };
}

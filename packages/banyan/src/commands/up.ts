import { relative } from 'node:path';
import { type Service, type System, servicesOf } from '@banyan/chassis';
import { readAllConfig } from '@banyan/config';
import { type Logger, systemClock } from '@banyan/core';
import { takeInstanceName } from '@banyan/postgres';
import { createMetrics, createTelemetry } from '@banyan/telemetry';
import { type Closing, createClosing } from '../closing.ts';
import type { CommandInput } from '../command-line.ts';
import { portOf, takeConsolePort, withTelemetryTo } from '../console/console-port.ts';
import { type ConsoleRun, createConsoleRun } from '../console/console-run.ts';
import { type DataFolder, openDataFolder, readOrCreateSecret } from '../data-folder.ts';
import { lockDataFolder } from '../data-folder-lock.ts';
import { startDatabaseServer } from '../database-server.ts';
import { defaultPort } from '../environment.ts';
import type { LaunchPlan } from '../launch.ts';
import { loadSystem } from '../load-system.ts';
import { openLogFile } from '../log-file.ts';
import { type Placement, parsePlacement } from '../placement.ts';
import { createProgress, type Progress } from '../progress.ts';
import { watchServices } from '../reload.ts';
import { createRun, type Run } from '../run.ts';
import { createRunLogger } from '../run-logger.ts';
import { readSettings, type Settings } from '../settings.ts';
import { dataDirectory, systemDirectory } from '../system-directory.ts';
import type { Terminal } from '../terminal.ts';

/** `banyan up`. */
export async function up(input: CommandInput, terminal: Terminal): Promise<number> {
  const directory = systemDirectory(input, terminal);
  // From here on a signal means an orderly stop, also in the middle of a start.
  const { stopRequested } = terminal;
  const system = await loadSystem(directory);
  const given = readSettings(directory, servicesOf(system, true), { input, terminal });
  const listener = await takeConsolePort(given.consolePort);
  const settings = withTelemetryTo(given, portOf(listener));
  const services = servicesOf(system, settings.development);
  readAllConfig(services, settings.source);
  const placement = placementOf(system, services, { input, settings });
  terminal.changeDirectory(directory);
  const progress = createProgress(terminal);
  const closing = createClosing({
    onFailure: (error) =>
      terminal.fail(`stopping: ${error instanceof Error ? error.message : String(error)}`),
  });
  closing.push(async () => void listener?.close());
  try {
    const folder = await openDataFolder(dataDirectory(input, terminal));
    closing.push(await lockDataFolder(folder));
    const log = openLogFile(folder.logFile, (error) => terminal.fail(`no more log lines: ${error.message}`));
    closing.push(() => log.close());
    const metrics = createMetrics();
    const telemetry = createTelemetry({
      settings: settings.telemetry,
      system: system.name,
      instance: settings.instance ?? '1',
      zone: settings.zone,
      pid: process.pid,
      metrics,
    });
    closing.push(() => telemetry.stop());
    const verbose = input.options['verbose'] === true;
    const logger = createRunLogger({ log, terminal, settings, telemetry, verbose });
    telemetry.useLogger(logger);
    progress.title(
      `banyan ${terminal.version} · ${system.name} · ${settings.development ? 'development' : 'production'}`,
    );
    for (const warning of settings.warnings) progress.note(warning);
    const { plan, adminUrl } = await startServer(system, {
      parts: placement.flat(),
      folder,
      settings,
      logger,
      progress,
      closing,
    });
    telemetry.useInstance(plan.instance);
    const run = createRun({
      system,
      directory,
      folder,
      placement,
      plan,
      settings,
      logger,
      metrics,
      telemetry,
      progress,
      log,
      terminal,
    });
    const consoleRun =
      listener === undefined
        ? undefined
        : createConsoleRun({
            ...{ directory, dataDirectory: dataDirectory(input, terminal) },
            ...{ settings, listener, run, terminal, logger, log, folder, progress },
            ...{ adminUrl, secret: plan.secret, instance: plan.instance },
            placement: describePlacement(placement, services),
          });
    // The console goes after all that it is told of.
    if (consoleRun !== undefined) closing.push(() => consoleRun.stop());
    closing.push(() => telemetry.stop());
    closing.push(() => run.stop());
    if (consoleRun !== undefined) closing.push(async () => consoleRun.expectEnd());
    const started = await Promise.race([begin(run, consoleRun), stopRequested.then(() => undefined)]);
    if (started === undefined) return 0;
    progress.step(describePlacement(placement, services));
    announce(started, { folder, terminal, settings, hasPage: system.gateway?.hasPage === true });
    if (settings.development && input.options['no-watch'] !== true)
      closing.push(watch(services, run, progress));
    await stopRequested;
    progress.note('Stopping: finishing what was accepted …');
    return 0;
  } finally {
    await closing.close();
  }
}

async function begin(run: Run, consoleRun: ConsoleRun | undefined): Promise<Addresses> {
  const consoleUrl = consoleRun?.start();
  const { publicUrl } = await run.start();
  consoleRun?.tellPublicUrl(publicUrl);
  return { publicUrl, consoleUrl: await consoleUrl };
}

function placementOf(
  system: System,
  services: readonly Service[],
  { input, settings }: { readonly input: CommandInput; readonly settings: Settings },
): Placement {
  const parts = services.map((service) => service.name);
  if (system.gateway !== undefined) parts.unshift('gateway');
  const { split, own, groups } = input.options as { split?: boolean; own?: string; groups?: string };
  if (split === undefined && own === undefined && groups === undefined && settings.placement !== undefined) {
    return parsePlacement(
      parts,
      settings.placement === 'split' ? { split: true } : { groups: settings.placement },
    );
  }
  return parsePlacement(parts, { split, own, groups });
}

interface Start {
  /** All parts of the system that run. */
  readonly parts: readonly string[];
  readonly folder: DataFolder;
  readonly settings: Settings;
  readonly logger: Logger;
  readonly progress: Progress;
  readonly closing: Closing;
}

interface StartedServer {
  readonly plan: Omit<LaunchPlan, 'parts' | 'isAlone'>;
  readonly adminUrl: string;
}

async function startServer(system: System, start: Start): Promise<StartedServer> {
  const { parts, folder, settings, logger, progress, closing } = start;
  const secret = settings.secret ?? (await readOrCreateSecret(folder));
  const server = await startDatabaseServer({ system, folder, settings, secret, logger, progress });
  closing.push(() => server.stop());
  const wanted = settings.instance ?? '1';
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

function describePlacement(placement: Placement, services: readonly Service[]): string {
  const where = placement.length === 1 ? 'in one process' : `in ${placement.length} processes`;
  return `${services.length} services ${where}`;
}

interface Announcement {
  readonly folder: DataFolder;
  readonly terminal: Terminal;
  readonly settings: Settings;
  /** The gateway answers a browser at `/`. */
  readonly hasPage: boolean;
}

interface Addresses {
  readonly publicUrl: string | undefined;
  readonly consoleUrl: string | undefined;
}

function announce({ publicUrl, consoleUrl }: Addresses, announcement: Announcement): void {
  const { folder, terminal, settings, hasPage } = announcement;
  const log = relative(terminal.workingDirectory, folder.logFile) || folder.logFile;
  const lines =
    publicUrl === undefined
      ? []
      : [`  ${hasPage ? 'Page    ' : 'Gateway '} ${publicUrl}/`, `  API      ${publicUrl}/docs`];
  if (consoleUrl !== undefined) lines.push(`  Console  ${consoleUrl}/`);
  terminal.write(`\n${[...lines, `  Log      ${log}`].join('\n')}\n\n`);
  if (settings.harsh)
    terminal.write(
      '  Events are delivered twice and calls delayed a little, as in bad weather (--calm: not).\n',
    );
  terminal.write('  Ctrl-C stops everything.\n\n');
}

function watch(services: readonly Service[], run: Run, progress: Progress): () => Promise<void> {
  const unwatch = watchServices(services, systemClock, (service) => {
    progress.note(`${service.name} changed; reloading it …`);
    run.reload(service).then(
      () => progress.step(`${service.name} reloaded`),
      (error: unknown) =>
        progress.note(`${service.name}: ${error instanceof Error ? error.message : String(error)}`),
    );
  });
  return async () => unwatch();
}

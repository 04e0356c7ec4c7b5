import { relative } from 'node:path';
import { everyServiceOf, type Service, type System, servicesOf } from '@banyan/chassis';
import { readAllConfig } from '@banyan/config';
import { systemClock } from '@banyan/core';
import { checkProduction } from '../check-production.ts';
import { createClosing } from '../closing.ts';
import { defineCommand } from '../command.ts';
import { portOf, takeConsolePort, withTelemetryTo } from '../console/console-port.ts';
import { type DataFolder, openDataFolder } from '../data-folder.ts';
import { lockDataFolder } from '../data-folder-lock.ts';
import { loadSystem } from '../load-system.ts';
import { type Addresses, openRun } from '../open-run.ts';
import { type Placement, type PlacementOptions, parsePlacement } from '../placement.ts';
import { createProgress, type Progress } from '../progress.ts';
import { watchServices } from '../reload.ts';
import type { Run } from '../run.ts';
import { readSettings, type Settings } from '../settings.ts';
import { data, dir, production } from '../shared-options.ts';
import { dataDirectory, systemDirectory } from '../system-directory.ts';
import type { Terminal } from '../terminal.ts';

export const up = defineCommand({
  name: 'up',
  usage: 'banyan up [options]',
  summary: 'Run the system: PostgreSQL, every service and the gateway.',
  options: {
    dir,
    data,
    split: { type: 'boolean', summary: 'Every service in a process of its own.' },
    own: {
      type: 'string',
      value: 'A,B',
      summary: 'These services in processes of their own, the rest together.',
    },
    groups: { type: 'string', value: 'A,B/C/*', summary: 'One process for each group; * is all the rest.' },
    port: { type: 'string', value: 'N', summary: 'Public port. Default: PORT, else 8080.' },
    production,
    calm: { type: 'boolean', summary: 'No development faults: no repeated deliveries, no delays.' },
    'no-console': { type: 'boolean', summary: 'Without the console; the same as CONSOLE_PORT=off.' },
    'no-watch': { type: 'boolean', summary: 'Do not reload a service when its files change.' },
    verbose: { type: 'boolean', summary: 'Show log lines of level info here, too.' },
  },
  async run(input, terminal) {
    const directory = systemDirectory(input, terminal);
    // From here on a signal means an orderly stop, also in the middle of a start.
    const { stopRequested } = terminal;
    const system = await loadSystem(directory);
    const given = readSettings(directory, everyServiceOf(system), { input, terminal });
    if (!given.development) checkProduction(system);
    const listener = await takeConsolePort(given.consolePort);
    const settings = withTelemetryTo(given, portOf(listener));
    const services = servicesOf(system, settings.development);
    readAllConfig(services, settings.source);
    const placement = placementOf(system, services, { options: input.options, settings });
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
      progress.title(
        `banyan ${terminal.version} · ${system.name} · ${settings.development ? 'development' : 'production'}`,
      );
      for (const warning of settings.warnings) progress.note(warning);
      const about = describePlacement(placement, services);
      const { run, start } = await openRun({
        ...{ system, directory, dataDirectory: dataDirectory(input, terminal), folder, settings, listener },
        ...{ placement, about, verbose: input.options.verbose === true, terminal, progress, closing },
      });
      const started = await Promise.race([start(), stopRequested.then(() => undefined)]);
      if (started === undefined) return 0;
      progress.step(about);
      announce(started, { folder, terminal, settings, hasPage: system.gateway?.hasPage === true });
      if (settings.development && input.options['no-watch'] !== true)
        closing.push(watch(services, run, progress));
      await stopRequested;
      progress.note('Stopping: finishing what was accepted …');
      return 0;
    } finally {
      await closing.close();
    }
  },
});

function placementOf(
  system: System,
  services: readonly Service[],
  { options, settings }: { readonly options: PlacementOptions; readonly settings: Settings },
): Placement {
  const parts = services.map((service) => service.name);
  if (system.gateway !== undefined) parts.unshift('gateway');
  const { split, own, groups } = options;
  if (split === undefined && own === undefined && groups === undefined && settings.placement !== undefined) {
    return parsePlacement(
      parts,
      settings.placement === 'split' ? { split: true } : { groups: settings.placement },
    );
  }
  return parsePlacement(parts, { split, own, groups });
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

import { hostname } from 'node:os';
import { join } from 'node:path';
import { everyServiceOf, type System, servicesOf } from '@banyan/chassis';
import { ServiceError, systemClock } from '@banyan/core';
import { type InstanceName, provisionSystem, takeInstanceName } from '@banyan/postgres';
import { createLogger, createMetrics, createTelemetry } from '@banyan/telemetry';
import { advertisedAddress } from '../advertised-address.ts';
import { checkProduction } from '../check-production.ts';
import { type CommandInput, defineCommand } from '../command.ts';
import { servicesWithDatabase } from '../engines.ts';
import { defaultPort } from '../environment.ts';
import { invalid } from '../invalid-setting.ts';
import { createLaunch, type LaunchPlan } from '../launch.ts';
import { loadSystem } from '../load-system.ts';
import { withServer } from '../server-answers.ts';
import { readSettings, type Settings } from '../settings.ts';
import { dir, production } from '../shared-options.ts';
import { connectToSupervisor, type SupervisorChannel } from '../supervised.ts';
import { dataDirectory, systemDirectory } from '../system-directory.ts';
import type { Terminal } from '../terminal.ts';

/** `banyan serve`: what a container runs, and every process of `banyan up --split`. Log lines are JSON on stdout. */
export const serve = defineCommand({
  name: 'serve',
  usage: 'banyan serve NAME… [options]',
  summary: 'Run the named services (or gateway) alone: the entry point of a container.',
  options: {
    dir,
    port: { type: 'string', value: 'N', summary: 'Port. Default: PORT, else any free one.' },
    production,
  },
  async run(input, terminal) {
    const directory = systemDirectory(input, terminal);
    const supervisor = connectToSupervisor();
    try {
      const system = await loadSystem(directory);
      const settings = readSettings(directory, everyServiceOf(system), { input, terminal });
      terminal.changeDirectory(directory);
      const plan = await planOf(system, { input, terminal, settings });
      await runNamed({ system, settings, terminal, supervisor, plan });
      return 0;
    } catch (error) {
      supervisor?.failed(error);
      throw error;
    } finally {
      supervisor?.disconnect();
    }
  },
});

interface Serving {
  readonly system: System;
  readonly settings: Settings;
  readonly terminal: Terminal;
  readonly supervisor: SupervisorChannel | undefined;
  readonly plan: LaunchPlan;
}

async function runNamed(serving: Serving): Promise<void> {
  const { system, terminal, plan } = serving;
  // A supervisor has given its processes names that differ.
  if (terminal.environment['BANYAN_PROCESS'] !== undefined) return run(serving);
  const { parts, platformUrl, instance: wanted } = plan;
  const name = await takeInstanceName({ platformUrl, system: system.name, parts, wanted });
  try {
    await run({ ...serving, plan: { ...plan, instance: name.name } }, name);
  } finally {
    await name.release();
  }
}

/** Until it is asked to stop. */
async function run(
  { system, settings, terminal, supervisor, plan }: Serving,
  name?: InstanceName,
): Promise<void> {
  const metrics = createMetrics();
  const telemetry = createTelemetry({
    settings: settings.telemetry,
    system: system.name,
    instance: plan.instance,
    zone: settings.zone,
    pid: process.pid,
    metrics,
  });
  const logger = createLogger({
    sink: (line) => terminal.write(`${line}\n`),
    level: settings.logLevel,
    format: 'json',
    clock: systemClock,
    onLine: telemetry.onLine,
  });
  telemetry.useLogger(logger);
  name?.useLogger(logger);
  // A container without BANYAN_ENV is seldom meant so. What a supervisor starts has been announced by `banyan up`.
  if (plan.harsh && supervisor === undefined) {
    const faults =
      'events are delivered twice, sagas interrupted and calls delayed on purpose, and stand-ins run';
    logger.warn(`This is development: ${faults}. For real users set BANYAN_ENV=production.`);
  }
  const stopRequested: Promise<unknown> = supervisor?.stopRequested ?? terminal.stopRequested;
  const stopping = new AbortController();
  void stopRequested.then(() => stopping.abort());
  const { signal } = stopping;
  const launch = await createLaunch({
    ...{ system, plan, logger, metrics, telemetry, signal },
    source: settings.source,
    ...(supervisor === undefined ? undefined : { onCircuits: supervisor.circuits }),
  }).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (launch === undefined) return;
  supervisor?.onSlow((part, delayMs) => launch.host.slow(part, delayMs));
  try {
    const started = await Promise.race([launch.start(), stopRequested.then(() => undefined)]);
    if (started !== undefined) supervisor?.ready(started.publicUrl);
    await stopRequested;
  } finally {
    await launch.stop();
  }
}

interface Given {
  readonly input: CommandInput;
  readonly terminal: Terminal;
  readonly settings: Settings;
}

async function planOf(system: System, { input, terminal, settings }: Given): Promise<LaunchPlan> {
  const fromSupervisor = terminal.environment['BANYAN_PROCESS'];
  if (fromSupervisor !== undefined) return JSON.parse(fromSupervisor) as LaunchPlan;
  const services = servicesOf(system, settings.development);
  const names = services.map((service) => service.name);
  const parts = input.positionals;
  for (const part of parts) {
    if (part !== 'gateway' && !names.includes(part)) {
      throw wrong(`There is no service '${part}'; the system has ${names.join(', ')}.`);
    }
  }
  if (parts.length === 0)
    throw wrong(`Name a service: banyan serve NAME. The system has gateway, ${names.join(', ')}.`);
  if (parts.length > 1 && settings.probePort !== undefined)
    throw invalid(
      `PROBE_PORT is for a process of one service, or of the gateway alone; this one would have ${parts.join(', ')}.`,
    );
  if (!settings.development) checkProduction(system, parts);
  if (settings.databaseUrl === undefined)
    throw wrong('Set DATABASE_URL: a service alone has no embedded PostgreSQL.');
  if (settings.secret === undefined)
    throw wrong("Set BANYAN_SECRET to the system's signing key, the same for every process.");
  const advertised = advertisedAddress(settings, parts);
  const { databaseUrl: adminUrl, secret } = settings;
  const urls = await withServer(adminUrl, () =>
    provisionSystem({ adminUrl, system: system.name, services: servicesWithDatabase(services), secret }),
  );
  return {
    ...urls,
    parts,
    isAlone: false,
    ...(settings.registryUrl === undefined ? undefined : { registry: settings.registryUrl }),
    ...(settings.brokerUrl === undefined ? undefined : { broker: settings.brokerUrl }),
    ...(settings.cacheUrl === undefined ? undefined : { cache: settings.cacheUrl }),
    ...(settings.logRetentionMs === undefined ? undefined : { logRetentionMs: settings.logRetentionMs }),
    secret,
    ...(settings.tls === undefined ? undefined : { tls: settings.tls }),
    dataFolder: join(dataDirectory(input, terminal), 'files'),
    development: settings.development,
    harsh: settings.harsh,
    callbacks: settings.callbacks,
    ...(settings.zone === undefined ? undefined : { zone: settings.zone }),
    ...(settings.label === undefined ? undefined : { label: settings.label }),
    instance: settings.instance ?? hostname(),
    internalHost: settings.host,
    // Two services cannot share a port, so it is for one that runs alone.
    ...(parts.length === 1 && settings.port !== undefined ? { internalPort: settings.port } : undefined),
    ...advertised,
    ...(settings.probePort === undefined ? undefined : { probePort: settings.probePort }),
    publicHost: settings.host,
    ...(settings.publicTls === undefined ? undefined : { publicTls: settings.publicTls }),
    publicPort: settings.port ?? defaultPort,
  };
}

function wrong(message: string): ServiceError {
  return new ServiceError(message, { code: 'invalid_argument', reason: 'invalid_command_line' });
}

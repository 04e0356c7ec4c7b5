import { hostname } from 'node:os';
import { everyServiceOf, type System } from '@banyan/chassis';
import { type Logger, systemClock } from '@banyan/core';
import { createLogger } from '@banyan/telemetry';
import { createClosing } from '../closing.ts';
import { type CommandInput, defineCommand } from '../command.ts';
import { listenAt } from '../console/console-port.ts';
import type { ConsolePlan } from '../console/console-talk.ts';
import { openConsole } from '../console/open-console.ts';
import { watchRegistry } from '../console/registered-system.ts';
import { parseSignIn, signInAccess } from '../console/sign-in-settings.ts';
import { joinSystem } from '../console/supervised-system.ts';
import { loadSystem } from '../load-system.ts';
import { findServer, openServicePorts } from '../service-ports.ts';
import { readSettings, type Settings } from '../settings.ts';
import { data, dir } from '../shared-options.ts';
import { connectToSupervisor, type SupervisorChannel } from '../supervised.ts';
import { systemDirectory } from '../system-directory.ts';
import type { Terminal } from '../terminal.ts';

/** The console: started by `banyan up` on a developer's machine, or by hand beside a system that runs elsewhere. Log lines are JSON on stdout. */
export const runConsole = defineCommand({
  name: 'console',
  usage: 'banyan console [options]',
  summary: 'The console beside a system in production, for operators who sign in.',
  options: { dir, data },
  async run(input, terminal) {
    const supervisor = connectToSupervisor({ endsOnSigterm: false });
    const given = terminal.environment['BANYAN_CONSOLE'];
    if (supervisor === undefined || given === undefined) return runAlone(input, terminal);
    return runSupervised({ input, terminal, supervisor, plan: JSON.parse(given) as ConsolePlan });
  },
});

interface Supervised {
  readonly input: CommandInput;
  readonly terminal: Terminal;
  readonly supervisor: SupervisorChannel;
  readonly plan: ConsolePlan;
}

async function runSupervised({ input, terminal, supervisor, plan }: Supervised): Promise<number> {
  const closing = createClosing({ onFailure: (error) => terminal.fail(String(error)) });
  try {
    // First of all: from here on who connects waits a little, and is not turned away.
    const controlled = await joinSystem(supervisor);
    const { fromConsole } = plan;
    const { system, settings, logger } = await load(input, terminal);
    const { stopRequested } = supervisor;
    const url = await openConsole({
      ...{ system, settings: { ...settings, fromConsole }, plan, controlled, input, terminal, logger },
      ...{ closing, stopRequested },
    });
    supervisor.ready(url);
    await stopRequested;
    await closing.close();
    // A store that hangs while it is opened would keep it up.
    return supervisor.end();
  } catch (error) {
    supervisor.failed(error);
    throw error;
  } finally {
    await closing.close();
    supervisor.disconnect();
  }
}

/** Until it is asked to stop. Who may use it is in the environment. */
async function runAlone(input: CommandInput, terminal: Terminal): Promise<number> {
  const { stopRequested } = terminal;
  const { system, settings, logger } = await load(input, terminal);
  const signIn = parseSignIn(settings.source);
  const { adminUrl, secret } = await findServer({ input, terminal, settings });
  const closing = createClosing({ onFailure: (error) => terminal.fail(String(error)) });
  try {
    const listener = await listenAt(settings.alonePort, settings.host);
    closing.push(async () => void listener.close());
    const ports = await openServicePorts(input, terminal);
    closing.push(() => ports.close());
    const registered = watchRegistry({
      list: () => ports.instances(),
      gatewayUrl: signIn.gatewayUrl,
      logger,
    });
    closing.push(async () => registered.stop());
    const url = await openConsole({
      ...{ system, settings: { ...settings, development: false }, input, terminal, logger },
      ...{ closing, stopRequested },
      plan: planOf(settings, { adminUrl, secret }),
      controlled: { ...registered, listener, early: () => [] },
      instances: registered.instances,
      access: signInAccess(signIn, logger),
      publicUrl: signIn.publicUrl,
    });
    logger.info(`the console listens at ${url}`, { publicUrl: signIn.publicUrl });
    await stopRequested;
    return 0;
  } finally {
    await closing.close();
  }
}

function planOf(
  { telemetry, instance = hostname(), source }: Settings,
  server: Pick<ConsolePlan, 'adminUrl' | 'secret'>,
): ConsolePlan {
  return {
    ...server,
    runId: telemetry.runId,
    startedAt: new Date(systemClock.nowMs()).toISOString(),
    about: { placement: 'elsewhere' },
    instance,
    fromEnvironment: Object.keys(source),
    fromConsole: [],
  };
}

interface Loaded {
  readonly system: System;
  readonly settings: Settings;
  readonly logger: Logger;
}

async function load(input: CommandInput, terminal: Terminal): Promise<Loaded> {
  const directory = systemDirectory(input, terminal);
  const system = await loadSystem(directory);
  const settings = readSettings(directory, everyServiceOf(system), { input, terminal });
  terminal.changeDirectory(directory);
  const logger = createLogger({
    sink: (line) => terminal.write(`${line}\n`),
    level: settings.logLevel,
    format: 'json',
    clock: systemClock,
  }).with({ service: 'console' });
  return { system, settings, logger };
}

import type { Server } from 'node:net';
import type { System } from '@banyan/chassis';
import { type ConsoleAccess, type ConsoleServerOptions, createConsoleServer } from '@banyan/console-api';
import { type Logger, systemClock } from '@banyan/core';
import type { Instance } from '@banyan/discovery';
import type { CommandInput } from '../command.ts';
import { userName } from '../event-verbs/verb.ts';
import { openServicePorts, type SystemPorts } from '../service-ports.ts';
import type { Settings } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import type { ControlledSystem } from './controlled-system.ts';
import { withDeedsOnRecord } from './deeds-on-record.ts';
import { createOperations } from './operations.ts';

export interface StartConsoleOptions
  extends Partial<Pick<ConsoleServerOptions, 'telemetry' | 'routes' | 'early'>> {
  readonly system: System;
  readonly settings: Settings;
  /** See `takeConsolePort`. */
  readonly listener: Server;
  readonly controlled: ControlledSystem;
  /** Of a system whose processes somebody else runs. */
  readonly instances?: () => readonly Instance[];
  /** Default: whoever reaches it on loopback. */
  readonly access?: ConsoleAccess;
  readonly runId?: string;
  /** See `ConsolePlan`. */
  readonly instance: string;
  /** What the run was started with; what `settings.source` has beyond it came from `.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly input: CommandInput;
  readonly terminal: Terminal;
  readonly logger: Logger;
  /** Folder of the page. Undefined: the API alone. */
  readonly site: URL | undefined;
}

export interface RunningConsole {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the console: of a development system on loopback, where nobody signs in, unless `access` says otherwise. */
export async function startConsole(options: StartConsoleOptions): Promise<RunningConsole> {
  const { system, settings, controlled, environment, input, terminal, logger, site } = options;
  let ports: Promise<SystemPorts> | undefined;
  // What could not be opened is tried again by whoever asks next: the system may still be starting.
  const openPorts = () => {
    ports ??= openServicePorts(input, terminal).catch((error: unknown) => {
      ports = undefined;
      throw error;
    });
    return ports;
  };
  const recording = {
    operator: options.access === undefined ? userName() : undefined,
    openAudit: async () => (await openPorts()).audit,
    clock: systemClock,
    logger,
  };
  const server = createConsoleServer({
    host: '127.0.0.1',
    port: 0,
    listener: options.listener,
    ...(options.early === undefined ? undefined : { early: options.early }),
    access: options.access ?? { kind: 'loopback' },
    version: terminal.version,
    telemetry: withDeedsOnRecord(options.telemetry ?? {}, recording),
    operations: withDeedsOnRecord(
      createOperations({
        system,
        settings,
        controlled,
        version: terminal.version,
        environment,
        runId: options.runId,
        instance: options.instance,
        instances: options.instances,
        getTrace: options.telemetry?.getTrace,
        getMetric: options.telemetry?.getMetric,
        openPorts,
      }),
      recording,
    ),
    ...(options.routes === undefined ? undefined : { routes: options.routes }),
    ...(site === undefined ? undefined : { site }),
    logger,
  });
  const url = await server.start();
  return {
    url,
    async stop() {
      await server.stop();
      await (await ports?.catch(() => undefined))?.close();
    },
  };
}

import type { System } from '@banyan/chassis';
import { type ConsoleServer, type ConsoleServerOptions, createConsoleServer } from '@banyan/console-api';
import { isServiceError, type Logger } from '@banyan/core';
import type { CommandInput } from '../command-line.ts';
import { defaultConsolePort } from '../environment.ts';
import { userName } from '../event-verbs/verb.ts';
import type { Run } from '../run.ts';
import { openServicePorts, type SystemPorts } from '../service-ports.ts';
import type { Settings } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { createOperations } from './operations.ts';
import { consoleSite } from './site.ts';

export interface StartConsoleOptions extends Partial<Pick<ConsoleServerOptions, 'telemetry' | 'routes'>> {
  readonly system: System;
  readonly settings: Settings;
  readonly port: number | 'preferred';
  readonly run: Run;
  readonly runId?: string;
  readonly input: CommandInput;
  readonly terminal: Terminal;
  readonly logger: Logger;
  readonly publicUrl: () => string | undefined;
}

export interface RunningConsole {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the console of a development system on loopback, where nobody signs in. @throws ServiceError `failed_precondition` `port_taken` */
export async function startConsole(options: StartConsoleOptions): Promise<RunningConsole> {
  const { system, settings, run, input, terminal, logger, publicUrl } = options;
  let ports: Promise<SystemPorts> | undefined;
  // What could not be opened is tried again by whoever asks next: the system may still be starting.
  const openPorts = () => {
    ports ??= openServicePorts(input, terminal).catch((error: unknown) => {
      ports = undefined;
      throw error;
    });
    return ports;
  };
  const site = await consoleSite();
  const serverAt = (port: number): ConsoleServer =>
    createConsoleServer({
      host: '127.0.0.1',
      port,
      access: { kind: 'loopback' },
      version: terminal.version,
      telemetry: options.telemetry ?? {},
      operations: createOperations({
        system,
        settings,
        run,
        version: terminal.version,
        environment: terminal.environment,
        runId: options.runId,
        publicUrl,
        openPorts,
        operator: userName(),
      }),
      ...(options.routes === undefined ? undefined : { routes: options.routes }),
      ...(site === undefined ? undefined : { site }),
      logger,
    });
  const { server, url } = await listen(options.port, serverAt);
  return {
    url,
    async stop() {
      await server.stop();
      await (await ports?.catch(() => undefined))?.close();
    },
  };
}

/** A second system beside the first one gets a port, too, unless somebody has named it. */
async function listen(
  port: StartConsoleOptions['port'],
  serverAt: (port: number) => ConsoleServer,
): Promise<{ readonly server: ConsoleServer; readonly url: string }> {
  const first = serverAt(port === 'preferred' ? defaultConsolePort : port);
  try {
    return { server: first, url: await first.start() };
  } catch (error) {
    if (port !== 'preferred' || !isServiceError(error) || error.reason !== 'port_taken') throw error;
    const second = serverAt(0);
    return { server: second, url: await second.start() };
  }
}

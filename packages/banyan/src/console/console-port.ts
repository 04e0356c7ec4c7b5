import type { Server } from 'node:net';
import { listenForConsole } from '@banyan/console-api';
import { isServiceError } from '@banyan/core';
import { readTelemetrySettings } from '@banyan/telemetry';
import { defaultConsolePort } from '../environment.ts';
import type { Settings } from '../settings.ts';

/**
 * Takes the port that the console will have: every process is told where to send its telemetry before the console starts. The preferred port gives way to any
 * free one.
 * @returns undefined if there shall be no console
 * @throws ServiceError `failed_precondition` `port_taken` if somebody has named the port
 */
export async function takeConsolePort(wanted: Settings['consolePort']): Promise<Server | undefined> {
  if (wanted === undefined) return undefined;
  if (wanted !== 'preferred') return listenAt(wanted);
  try {
    return await listenAt(defaultConsolePort);
  } catch (error) {
    if (!isServiceError(error) || error.reason !== 'port_taken') throw error;
    return listenAt(0);
  }
}

/** On which the console is reached without a sign-in. */
export const consoleHost = '127.0.0.1';

/** @throws ServiceError `failed_precondition` `port_taken` */
export function listenAt(port: number, host = consoleHost): Promise<Server> {
  return listenForConsole({ host, port });
}

export function portOf(listener: Server | undefined): number | undefined {
  const address = listener?.address();
  return typeof address === 'object' ? address?.port : undefined;
}

const endpoint = 'OTEL_EXPORTER_OTLP_ENDPOINT';

/** Telemetry of this process and of those that it starts goes to the console, unless somebody said where else. */
export function withTelemetryTo(settings: Settings, port: number | undefined): Settings {
  if (port === undefined || settings.source[endpoint]) return settings;
  const source = { ...settings.source, [endpoint]: `http://127.0.0.1:${port}` };
  const { development } = settings;
  const { runId } = settings.telemetry;
  return {
    ...settings,
    source,
    fromConsole: [endpoint],
    telemetry: readTelemetrySettings(source, { development, runId }),
  };
}

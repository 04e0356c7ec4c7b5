import { createServer } from 'node:net';
import { readTelemetrySettings } from '@banyan/telemetry';
import { defaultConsolePort } from '../environment.ts';
import type { Settings } from '../settings.ts';

/**
 * The port that the console will have: every process is told where to send its telemetry before the console listens. One that somebody has named is theirs to
 * keep free; the preferred one gives way.
 */
export async function chooseConsolePort(wanted: Settings['consolePort']): Promise<number | undefined> {
  if (wanted === undefined || (wanted !== 'preferred' && wanted > 0)) return wanted;
  const first = wanted === 'preferred' ? await freePort(defaultConsolePort) : undefined;
  return first ?? freePort(0);
}

/** Undefined if it is taken. */
function freePort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(undefined));
    probe.listen(port, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}

/** Telemetry of this process and of those that it starts goes to the console, unless somebody said where else. */
export function withTelemetryTo(settings: Settings, port: number | undefined): Settings {
  if (port === undefined || settings.source['OTEL_EXPORTER_OTLP_ENDPOINT']) return settings;
  const source = { ...settings.source, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
  const { development } = settings;
  const { runId } = settings.telemetry;
  return { ...settings, source, telemetry: readTelemetrySettings(source, { development, runId }) };
}

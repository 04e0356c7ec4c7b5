import { createMetrics, createTelemetry, readTelemetrySettings, type Telemetry } from '@banyan/telemetry';

export interface TestTelemetry {
  /** For `TestSystemOptions`. */
  readonly telemetry: (instance: string) => Telemetry;
  /** Sends what there is, and nothing after that. */
  stop(): Promise<void>;
}

/** Telemetry of the hosts of a test, on its way to `url`. @param source variables beside that */
export function createTestTelemetry(
  system: string,
  url: string,
  source: Readonly<Record<string, string>> = {},
): TestTelemetry {
  const settings = readTelemetrySettings(
    { OTEL_EXPORTER_OTLP_ENDPOINT: url, ...source },
    { development: true, runId: 'test' },
  );
  const started: Telemetry[] = [];
  return {
    telemetry(instance) {
      const metrics = createMetrics();
      const one = createTelemetry({ settings, system, instance, pid: process.pid, metrics });
      started.push(one);
      return one;
    },
    async stop() {
      await Promise.all(started.map((one) => one.stop()));
    },
  };
}

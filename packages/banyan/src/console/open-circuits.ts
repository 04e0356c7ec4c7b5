import type { Asker, TelemetryHandlers } from '@banyan/console-api';
import { type Clock, isServiceError } from '@banyan/core';

export interface OpenCircuit {
  readonly from: string;
  readonly to: string;
}

/** Who has stopped calling whom for a while. */
export type OpenCircuits = (asker: Asker) => Promise<readonly OpenCircuit[]>;

/** Processes report every two seconds; what is older is of one that is gone. */
const recentMs = 10_000;
/** Every open page asks once a second. */
const keepsMs = 1_000;

/** As the callers themselves last reported it, by their metrics. Without telemetry nobody knows of any. */
export function createOpenCircuits(
  getMetric: TelemetryHandlers['getMetric'] | undefined,
  clock: Clock,
): OpenCircuits {
  if (getMetric === undefined) return async () => [];
  let known: { readonly atMs: number; readonly circuits: Promise<readonly OpenCircuit[]> } | undefined;
  const read = async (asker: Asker): Promise<readonly OpenCircuit[]> => {
    const from = new Date(clock.nowMs() - recentMs).toISOString();
    const { series } = await getMetric({ name: 'banyan_circuits_open', from }, asker);
    return series.flatMap(({ labels: { caller, callee }, values }) => {
      const last = values.findLast((value) => value !== null) ?? 0;
      return last > 0 && caller !== undefined && callee !== undefined ? [{ from: caller, to: callee }] : [];
    });
  };
  return (asker) => {
    if (known === undefined || clock.nowMs() - known.atMs > keepsMs) {
      const circuits = read(asker).catch((error: unknown) => {
        // No service has called another one yet; or the store is busy, and the rest is worth showing without it.
        if (isServiceError(error)) return [];
        throw error;
      });
      known = { atMs: clock.nowMs(), circuits };
    }
    return known.circuits;
  };
}

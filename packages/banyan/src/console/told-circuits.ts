import type { Asker, TelemetryHandlers } from '@banyan/console-api';
import type { Clock } from '@banyan/core';

/** What one caller has told of its circuits. */
export type ToldCircuits = ReadonlyMap<string, readonly { readonly to: string; readonly isOpen: boolean }[]>;

export interface ToldCircuitsOptions {
  /** Of the telemetry store; undefined without one. */
  readonly getMetric: TelemetryHandlers['getMetric'] | undefined;
  readonly clock: Clock;
}

/** Longer than processes in production take to tell their metrics again, unless they are told otherwise. */
const lookBackMs = 90_000;
/** Every page that is open asks every few seconds. */
const keepMs = 2_000;

/**
 * Circuits of a system whose processes somebody else runs, by their callers, as the metric `banyan_circuits_open` has them: known a minute late, and those of
 * several processes of a caller are one. It says what it knows, without waiting, and asks again meanwhile; what is old is not known any more.
 */
export function readToldCircuits({ getMetric, clock }: ToldCircuitsOptions): (asker: Asker) => ToldCircuits {
  let told: ToldCircuits = new Map();
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let isAsking = false;
  const ask = async (asker: Asker) => {
    if (getMetric === undefined) return;
    const from = new Date(clock.nowMs() - lookBackMs).toISOString();
    const { series } = await getMetric({ name: 'banyan_circuits_open', from }, asker);
    const circuits = series.flatMap(({ labels: { caller, callee }, values }) =>
      caller === undefined || callee === undefined
        ? []
        : [{ caller, to: callee, isOpen: values.some((value) => (value ?? 0) > 0) }],
    );
    told = Map.groupBy(circuits, ({ caller }) => caller);
    toldAtMs = clock.nowMs();
  };
  return (asker) => {
    const ageMs = clock.nowMs() - toldAtMs;
    if (ageMs > keepMs && !isAsking) {
      isAsking = true;
      // Nobody has told yet, or telemetry is away: what runs is shown without.
      const done = () => {
        isAsking = false;
      };
      ask(asker).then(done, done);
    }
    return ageMs > lookBackMs ? new Map() : told;
  };
}

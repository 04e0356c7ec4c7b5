import { ServiceError } from '@banyan/core';
import { type TelemetryStore, toTime, type Window, windowOf } from '@banyan/telemetry-store';
import type { TelemetryHandlers } from './handlers.ts';

const defaultLimit = 50;

/** The telemetry half of the API, from the store. */
export function telemetryHandlers(store: TelemetryStore, nowMs: () => number): TelemetryHandlers {
  const windowIn = async (input: WindowInput): Promise<Window> => {
    const run = input.runId === undefined ? undefined : await runOf(store, input.runId);
    return windowOf({ from: input.from ?? run?.startedAt, to: input.to ?? run?.endedAt }, nowMs());
  };
  return {
    getMap: async (input) => mutable(await store.map(await windowIn(input))),
    async getCallDepth({ atMost = 3, ...input }, { signal }) {
      const window = await windowIn(input);
      const { operations, ...read } = await store.deepestChains(window, signal);
      return {
        from: toTime(window.fromUs),
        to: toTime(window.toUs),
        atMost,
        ...read,
        operations: operations.map(({ kind, depth, chain, traceId }) => ({
          service: chain[0]?.service ?? '',
          operation: chain[0]?.operation ?? '',
          ...{ kind, depth, traceId },
          isTooDeep: depth > atMost,
          chain: mutable(chain),
        })),
      };
    },
    listOperations: async (input) => ({
      operations: mutable(await store.operations({ ...(await windowIn(input)), service: input.service })),
    }),
    async searchTraces(input) {
      const { limit = 20, after, service, operation, errorsOnly, attribute, text } = input;
      const page = await store.searchTraces({
        ...(await windowIn(input)),
        ...{ limit, after, service, operation, errorsOnly, text },
        attributes: attribute,
        minDurationUs: toMicros(input.minDurationMs),
        maxDurationUs: toMicros(input.maxDurationMs),
      });
      return mutable(page);
    },
    getTrace: async ({ traceId }) => mutable(found(await store.trace(traceId))),
    compareTraces: async ({ traceId, otherId }) => mutable(found(await store.compare(traceId, otherId))),
    async searchLogs(input) {
      const { limit = defaultLimit, after, service, level, traceId, text } = input;
      return mutable(
        await store.searchLogs({ ...(await windowIn(input)), limit, after, service, level, traceId, text }),
      );
    },
    async getTraffic(input) {
      const { kind, service, operation, quantile, version, by } = input;
      const window = await windowIn(input);
      return toSeries(
        await store.trafficSeries({ ...window, kind, service, operation, quantile, version, by }),
      );
    },
    listMetrics: async ({ service }) => ({ metrics: mutable(await store.metrics(service)) }),
    async getMetric(input) {
      const { name, service, quantile } = input;
      const metric = found(await store.metric({ ...(await windowIn(input)), name, service, quantile }));
      return { ...toSeries(metric), name: metric.name, kind: metric.kind, unit: metric.unit };
    },
    listRuns: async () => ({ runs: mutable(await store.runs()) }),
    listErrors: async (input) =>
      mutable(await store.errors({ ...input, limit: input.limit ?? defaultLimit })),
    getError: async ({ groupId }) => mutable(found(await store.error(groupId))),
    changeError: async ({ groupId, ...change }) => mutable(found(await store.changeError(groupId, change))),
    listObjectives: async () => ({ objectives: mutable(await store.objectives()) }),
    setObjective: async (objective) => mutable(await store.setObjective(objective)),
    async removeObjective({ objectiveId }) {
      found((await store.removeObjective(objectiveId)) || undefined);
      return {};
    },
    listErrorRules: async () => ({ rules: mutable(await store.errorRules()) }),
    setErrorRule: async (rule) => mutable(await store.setErrorRule(rule)),
    async removeErrorRule({ ruleId }) {
      found((await store.removeErrorRule(ruleId)) || undefined);
      return {};
    },
    listAlerts: async () => ({ alerts: mutable(await store.alerts()) }),
    getStore: async () => mutable(await store.state()),
  };
}

interface WindowInput {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly runId?: string | undefined;
}

/** A run that ended without saying so was over when the next one began. */
async function runOf(store: TelemetryStore, runId: string) {
  const runs = await store.runs();
  const index = runs.findIndex((run) => run.runId === runId);
  const { startedAt, endedAt } = found(runs[index]);
  return { startedAt, endedAt: endedAt ?? runs[index - 1]?.startedAt };
}

/** The refusal `notFound` of the contract. */
function found<Value>(value: Value | undefined): Value {
  if (value !== undefined) return value;
  throw new ServiceError('Nothing of that id is stored.', {
    code: 'not_found',
    reason: 'notFound',
    declared: true,
  });
}

function toMicros(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1_000);
}

interface StoredSeries {
  readonly fromUs: number;
  readonly toUs: number;
  readonly stepMs: number;
  readonly series: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly values: readonly (number | null)[];
  }[];
}

function toSeries({ fromUs, toUs, stepMs, series }: StoredSeries) {
  return { from: toTime(fromUs), to: toTime(toUs), stepMs, series: mutable(series) };
}

type Mutable<Value> = Value extends readonly (infer Element)[]
  ? Mutable<Element>[]
  : Value extends object
    ? { -readonly [Name in keyof Value]: Mutable<Value[Name]> }
    : Value;

/** The types that a schema yields are not readonly; the values are the same. */
function mutable<Value>(value: Value): Mutable<Value> {
  return value as Mutable<Value>;
}

import type { OperationsHandlers } from '@banyan/console-api';
import { ServiceError } from '@banyan/core';
import { drawJournal, drawSaga, inputsOf, type StepRecord, type StoredSaga, wordsFor } from '@banyan/saga';
import { scrubText, toLogFields } from '@banyan/telemetry';
import { askServices } from '../ask-services.ts';
import { cancelNamed, repairNamed, retryNamed, type SagaDeed, skipNamed } from '../saga-verbs/actions.ts';
import { findSaga, type NamedSaga } from '../saga-verbs/named.ts';
import type { SystemPorts } from '../service-ports.ts';
import type { SagaTimings, StepTimings } from './saga-timings.ts';
import { traceIdIn } from './trace-id.ts';

export type SagaOperations = Pick<
  OperationsHandlers,
  'listSagas' | 'getSaga' | 'retrySaga' | 'skipSagaStep' | 'cancelSaga' | 'repairSaga'
>;

/** What `banyan saga` shows and does, for the console. Without `timingsOf` nobody knows when a step was worked at. */
export function createSagaOperations(
  openPorts: () => Promise<SystemPorts>,
  timingsOf: SagaTimings = async () => new Map(),
): SagaOperations {
  const named = async ({ service, id }: { readonly service: string; readonly id: string }) =>
    findSaga(await (await openPorts()).open(service), id);
  return {
    async listSagas({ service, name, status, limit = 200 }) {
      const ports = await openPorts();
      const asked = { named: service === undefined ? [] : [service], all: ports.names };
      const filter = { limit, ...(name && { name }), ...(status && { status }) };
      const { answers, leftOut } = await askServices(asked, async (each) => {
        const { service: definition, sagas } = await ports.open(each);
        if (definition.sagas.length + definition.durable.length === 0) return [];
        return (await sagas.list(filter)).map((saga) => summaryOf(each, saga));
      });
      return {
        sagas: answers.toSorted((a, b) => (a.startedAt < b.startedAt ? 1 : -1)).slice(0, limit),
        leftOut: [...leftOut],
      };
    },
    async getSaga(asked, asker) {
      const found = await named(asked);
      const { saga } = found;
      const traceId = traceIdIn(saga.traceparent);
      return {
        ...summaryOf(asked.service, saga),
        input: shownValue(saga.input ?? null) as never,
        ...(traceId && { traceId }),
        ...(await pathOf(found, await timingsOf({ id: saga.id, traceId }, asker))),
      };
    },
    retrySaga: async (asked, { by }) => done(await retryNamed(await named(asked), by)),
    skipSagaStep: async (asked, { by }) => done(await skipNamed(await named(asked), by)),
    cancelSaga: async (asked, { by }) => done(await cancelNamed(await named(asked), by)),
    repairSaga: async ({ result, ...asked }, { by }) =>
      done(await repairNamed(await named(asked), by, result)),
  };
}

function done({ isDone, text }: SagaDeed): Record<string, never> {
  if (!isDone) throw new ServiceError(text, { code: 'failed_precondition', reason: 'not_possible' });
  return {};
}

function summaryOf(service: string, saga: StoredSaga) {
  const { id, name, version, status, startedAt, changedAt, endedAt, waitingFor, worker } = saga;
  return {
    service,
    id,
    name,
    version,
    status,
    startedAt,
    changedAt,
    ...(endedAt === undefined ? undefined : { endedAt }),
    waitingFor: [...waitingFor],
    ...(worker === undefined ? undefined : { worker }),
  };
}

async function pathOf({ ports, saga, definition }: NamedSaga, timings: ReadonlyMap<string, StepTimings>) {
  if (saga.state.durable === undefined) {
    const inputs = definition?.kind === 'saga' ? inputsOf(definition, saga) : new Map<string, unknown>();
    return {
      steps: [
        ...Object.entries(saga.state.steps).map(([name, record]) => ({
          ...stepOf(name, record, timings.get(name)),
          ...(inputs.has(name) ? { input: shownValue(inputs.get(name)) as never } : undefined),
        })),
        ...(saga.endedAt === undefined ? stepsUnderWay(Object.keys(saga.state.steps), timings) : []),
      ],
      svg: definition?.kind === 'saga' ? drawSaga(definition, saga) : '',
    };
  }
  const entries = (await ports.sagas.journal([saga.id])).get(saga.id) ?? [];
  return {
    steps: entries.map((entry) => ({
      name: wordsFor(entry),
      state: 'done',
      isCompensation: false,
      attempts: 1,
      endedAt: new Date(entry.t).toISOString(),
      output: shownValue(entry) as never,
    })),
    svg: drawJournal(saga, entries),
  };
}

/** What is tried again and again without an answer, such as while a service is away: the saga has no record of it yet, its spans do. */
export function stepsUnderWay(recorded: readonly string[], timings: ReadonlyMap<string, StepTimings>) {
  return [...timings].flatMap(([name, { forward }]) =>
    forward === undefined || recorded.includes(name)
      ? []
      : [{ name, state: 'trying', isCompensation: false, attempts: forward.attempts, ...forward.times }],
  );
}

function stepOf(name: string, record: StepRecord, { forward, compensate }: Partial<StepTimings> = {}) {
  const { s, r, e } = record;
  return {
    name,
    state: s,
    isCompensation: s === 'undone' || s === 'void',
    attempts: Math.max(attemptsOf(record), forward?.attempts ?? 0),
    ...forward?.times,
    ...(compensate?.times && { undone: { ...compensate.times, attempts: compensate.attempts } }),
    ...(r === undefined ? undefined : { output: shownValue(r) as never }),
    ...(e === undefined ? undefined : { error: scrubText(e.detail ?? e.reason ?? e.code) }),
  };
}

/** At least so many times it was done, or tried: of what succeeded the record does not say how often that had failed. */
function attemptsOf({ s, n = 0 }: StepRecord): number {
  if (s === 'failing' || s === 'waiting') return n;
  // `n` of what is done counts failures of what comes after it, such as undoing.
  return s === 'failed' || s === 'ignored' ? Math.max(n, 1) : 1;
}

/** As a log line would have it: without secrets, and of bounded size. */
function shownValue(value: unknown): unknown {
  return toLogFields({ value })['value'] ?? null;
}

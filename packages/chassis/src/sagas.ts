import type { CallContext, Sql } from '@banyan/core';
import {
  allNodes,
  type Letter,
  type NewSaga,
  type Node,
  type SagaEngine,
  type SagaStand,
  type Startable,
  type StoredSaga,
} from '@banyan/saga';
import { formatTraceparent } from '@banyan/telemetry';
import type { ServiceRuntime } from './handler-context.ts';
import type { Outgoing } from './outgoing.ts';
import type { SagaActions, SagaProgress, Sagas, SagaView, StartOptions } from './saga-types.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What a handler does to sagas, recorded with everything else that its transaction tells. */
export function createSagaActions(
  runtime: ServiceRuntime,
  context: CallContext,
  outgoing: Outgoing[],
): SagaActions {
  const post = (sagaId: string, letter: Letter) => {
    // Ids come from outside; what is none is as unknown as one that was forgotten.
    if (uuid.test(sagaId)) outgoing.push({ letter, sagaId });
  };
  return {
    start: (saga, input, options) => {
      const prepared = prepare(runtime, context, { saga, input, options });
      outgoing.push({ saga: prepared });
      return prepared.id;
    },
    signalSaga: (sagaId, name, data, options) => {
      const kept = data === undefined ? null : JSON.parse(JSON.stringify(data));
      const key = options?.idempotencyKey;
      post(sagaId, { kind: 'signal', name, data: kept, ...(key === undefined ? undefined : { key }) });
    },
    cancelSaga: (sagaId, reason) =>
      post(sagaId, { kind: 'cancel', reason: String(reason).slice(0, 500), by: context.caller.service }),
  };
}

/** Writes the sagas and letters of a transaction; what follows from them happens after its commit. */
export async function recordSagas(
  engine: SagaEngine,
  { sql, onCommit }: { readonly sql: Sql; onCommit(listener: () => void): void },
  { started, letters }: { readonly started: readonly NewSaga[]; readonly letters: readonly SagaLetter[] },
): Promise<void> {
  if (started.length > 0) {
    // Two starts with one key in one transaction are one.
    const distinct = [...new Map(started.map((saga) => [saga.id, saga])).values()];
    const inserted = await engine.insert(sql, distinct);
    onCommit(() => engine.started(inserted));
  }
  // In one order, so that two transactions do not wait for each other.
  const sorted = letters.toSorted((a, b) => (a.sagaId < b.sagaId ? -1 : a.sagaId > b.sagaId ? 1 : 0));
  for (const { sagaId, letter, onUnread } of sorted) {
    const found = await engine.post(sql, sagaId, letter);
    if (found !== 'posted' && onUnread !== undefined) onCommit(onUnread);
  }
  if (letters.length > 0) onCommit(() => engine.poke(letters.map(({ sagaId }) => sagaId)));
}

export interface SagaLetter {
  readonly sagaId: string;
  readonly letter: Letter;
  /** The saga has ended, or is not known. */
  readonly onUnread?: () => void;
}

/** What an operation's handler gets as `sagas`. */
export function createSagas(runtime: ServiceRuntime, context: CallContext): Sagas {
  return {
    async start(saga, input, options) {
      const prepared = prepare(runtime, context, { saga, input, options });
      await runtime.sagas.begin(prepared);
      return prepared.id;
    },
    async read(id) {
      const stored = uuid.test(id) ? await runtime.sagas.read(id) : undefined;
      return stored === undefined ? undefined : toView(runtime, stored);
    },
    async ended(id, { timeoutMs }) {
      if (!uuid.test(id)) return undefined;
      const stored = await runtime.sagas.ended(id, { timeoutMs, signal: context.signal });
      return stored === undefined ? undefined : toProgress(runtime, stored);
    },
  };
}

function prepare(
  { sagas }: ServiceRuntime,
  context: CallContext,
  start: {
    readonly saga: Startable;
    readonly input: unknown;
    readonly options: StartOptions | undefined;
  },
): NewSaga {
  return sagas.prepare({
    saga: start.saga,
    input: start.input,
    idempotencyKey: start.options?.idempotencyKey,
    deadlineMs: start.options?.deadlineMs,
    user: context.caller.user,
    traceparent: formatTraceparent(context.trace),
  });
}

function toView(runtime: ServiceRuntime, stored: StoredSaga): SagaView {
  const { input, startedAt, changedAt, endedAt, deadlineAt, user: startedBy, state } = stored;
  const times = { startedAt, changedAt, endedAt, deadlineAt };
  return { ...toProgress(runtime, stored), ...times, input, startedBy, error: state.durable?.error };
}

function toProgress({ sagaDefinitions }: ServiceRuntime, stand: SagaStand): SagaProgress {
  const { id, name, version, status, state, waitingFor } = stand;
  const definition = sagaDefinitions.find((each) => each.name === name && each.version === version);
  const own = definition?.kind === 'saga' ? definition.nodes : [];
  const isBehind = (name: string) => {
    const record = state.steps[name]?.s;
    return record === 'done' || record === 'ignored' || record === 'skipped';
  };
  const finished = own.filter((node) => namesIn(node).some(isBehind));
  const results = Object.entries(state.steps)
    .filter(([, record]) => record.s === 'done' && record.r !== undefined)
    .map(([step, record]): [string, unknown] => [step, record.r]);
  const { result, progress } = state.durable ?? {};
  const share = own.length === 0 ? (progress?.share ?? 0) : finished.length / (own.length + 1);
  return {
    ...{ id, saga: name, version, status, waitingFor, result },
    results: Object.fromEntries(results),
    progress: status === 'completed' ? 1 : share,
    progressText: progress?.text,
    failure: state.failure,
  };
}

const knownNames = new WeakMap<Node, readonly string[]>();

/** Of the node and those within it. */
function namesIn(node: Node): readonly string[] {
  const names = knownNames.get(node) ?? [...allNodes([node])].map(({ name }) => name);
  knownNames.set(node, names);
  return names;
}

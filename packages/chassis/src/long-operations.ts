import {
  type Contract,
  isLongEnded,
  type LongReference,
  type LongState,
  type LongStatus,
  type Operation,
  resultOf,
} from '@banyan/contract';
import { type Caller, ServiceError, type User } from '@banyan/core';
import type { Startable } from '@banyan/saga';
import type { SagaView } from './saga-types.ts';
import type { OperationHandler } from './service.ts';
import type { OperationContext, Uses } from './service-context.ts';

type AnyContext = OperationContext<Contract, Operation, Uses, unknown>;

/** Who may see and cancel a started operation. */
export type MayFollow = (caller: Caller, startedBy: User | undefined) => boolean;

/** How a long operation is kept: a durable function or saga of the service, or that and what else to say. */
export type LongHandler<Input, Context> =
  | Startable
  | {
      readonly runs: Startable;
      /** Starts it in a transaction of the service's own, and resolves with its id. Default: it is started with the operation's input. */
      readonly start?: (input: Input, context: Context) => Promise<string>;
      /** Default: the end user who started it; what nobody started by name, whoever knows its id. */
      readonly mayFollow?: MayFollow;
    };

interface Kept {
  readonly runs: Startable;
  readonly start: (input: unknown, context: AnyContext) => Promise<string>;
  readonly mayFollow: MayFollow;
}

const sameUser: MayFollow = ({ user }, startedBy) => startedBy === undefined || startedBy.id === user?.id;
/** A status that is asked to wait does so at most this long: gateways and callers give up later. */
const mostWaitMs = 25_000;
const retentionMs = 7 * 86_400_000;

/**
 * The handlers of a contract's long operations, and of those that follow them.
 * @param given what each runs, by the operation's name
 * @throws TypeError, with the fix in the text, if one is missing, or runs what the service does not
 */
export function longHandlers(
  contract: Contract,
  given: Readonly<Record<string, unknown>>,
  running: readonly Startable[],
): Readonly<Record<string, OperationHandler>> {
  const handlers: Record<string, OperationHandler> = {};
  for (const { long, name } of Object.values(contract.operations)) {
    if (long === undefined) continue;
    const kept = toKept(contract, { operation: long.of, given: given[long.of], running });
    const create = { start: startHandler, status: statusHandler, cancel: cancelHandler }[long.part];
    handlers[name] = create(kept);
  }
  return handlers;
}

function toKept(
  contract: Contract,
  about: { readonly operation: string; readonly given: unknown; readonly running: readonly Startable[] },
): Kept {
  const { operation, given, running } = about;
  const refuse = (why: string) =>
    new TypeError(`service '${contract.name}': operation '${operation}' is long: ${why}`);
  if (typeof given !== 'object' || given === null) {
    throw refuse('say what it runs: long: { importPhotos: importPhotosFunction }.');
  }
  const { runs, start, mayFollow = sameUser } = ('kind' in given ? { runs: given } : given) as Partial<Kept>;
  if (runs === undefined || !running.includes(runs)) {
    throw refuse("what it runs has to be in 'durable' or 'sagas' of the service.");
  }
  return { runs, mayFollow, start: start ?? ((input, context) => startByKey(runs, input, context)) };
}

/** Who repeats the request with its key gets what was started before; another user's key is another one. */
function startByKey(runs: Startable, input: unknown, context: AnyContext): Promise<string> {
  const { idempotencyKey: key, caller } = context;
  const owner = caller.user === undefined ? caller.service : `user ${caller.user.id}`;
  return context.sagas.start(
    runs,
    input as never,
    key === undefined ? {} : { idempotencyKey: `${owner}\n${key}` },
  );
}

function startHandler({ runs, start }: Kept): OperationHandler {
  return async (input, context) => {
    const operationId = await start(input, context);
    const found = await context.sagas.read(operationId);
    if (found?.saga !== runs.name) throw new TypeError(`'${operationId}' is no instance of '${runs.name}'`);
    return toStatus(found);
  };
}

function statusHandler(kept: Kept): OperationHandler {
  return async (input, context) => {
    const reference = input as LongReference;
    const found = await follow(kept, reference, context);
    const waitMs = waitOf(reference);
    if (waitMs === 0 || isLongEnded(toStatus(found))) return toStatus(found);
    await context.sagas.ended(found.id, { timeoutMs: waitMs });
    return toStatus((await context.sagas.read(found.id)) ?? found);
  };
}

function cancelHandler(kept: Kept): OperationHandler {
  return async (input, context) => {
    const reference = input as LongReference;
    const found = await follow(kept, reference, context);
    const status = toStatus(found);
    if (isLongEnded(status)) return status;
    const reason = 'Whoever started it cancelled it.';
    await context.tx(async ({ cancelSaga }) => cancelSaga(found.id, reason));
    const waitMs = waitOf(reference);
    if (waitMs > 0) await context.sagas.ended(found.id, { timeoutMs: waitMs });
    const now = toStatus((await context.sagas.read(found.id)) ?? found);
    return isLongEnded(now) ? now : { ...now, state: 'cancelling' };
  };
}

/** What is not yours is not there. */
async function follow(kept: Kept, { operationId }: LongReference, context: AnyContext): Promise<SagaView> {
  const found = await context.sagas.read(operationId);
  const isThere = found?.saga === kept.runs.name && kept.mayFollow(context.caller, found.startedBy);
  return isThere ? found : (context.fail as (name: string) => never)('unknownOperation');
}

function waitOf({ prefer = '' }: LongReference): number {
  const [, seconds = '0'] = /(?:^|[,;\s])wait=(\d{1,5})/.exec(prefer) ?? [];
  return Math.min(Number(seconds) * 1_000, mostWaitMs);
}

const stateOf: Readonly<Record<SagaView['status'], LongState>> = {
  running: 'running',
  // An operator will bring it on.
  stuck: 'running',
  compensating: 'cancelling',
  completed: 'succeeded',
  compensated: 'failed',
  failed: 'failed',
};

function toStatus(view: SagaView): LongStatus {
  const {
    id: operationId,
    status,
    failure,
    progress,
    progressText: text,
    startedAt,
    endedAt,
    deadlineAt,
  } = view;
  const isOver = status === 'compensated' || status === 'failed';
  const reason = isOver ? failure?.kind : undefined;
  const state = reason === 'cancelled' ? 'cancelled' : reason === 'deadline' ? 'expired' : stateOf[status];
  const keptUntil =
    endedAt === undefined ? undefined : new Date(Date.parse(endedAt) + retentionMs).toISOString();
  // Of a saga the results of its steps.
  const result = status === 'completed' ? (view.result ?? view.results) : undefined;
  const error = isOver ? (view.error ?? failure?.error) : undefined;
  return {
    ...{ operationId, state, progress, startedAt },
    ...(text === undefined ? undefined : { text }),
    ...(endedAt === undefined ? undefined : { endedAt }),
    ...(deadlineAt === undefined ? undefined : { deadlineAt }),
    ...(keptUntil === undefined ? undefined : { keptUntil }),
    ...(result === undefined ? undefined : { result }),
    ...(error === undefined ? undefined : { error }),
  };
}

type AskStatus<Result> = (reference: LongReference) => Promise<LongStatus<Result>>;

/**
 * Waits for what comes of a long operation: `await longResult(call.albums.importPhotosStatus, await call.albums.importPhotos(input), { timeoutMs })`.
 * @throws ServiceError with the refusal or failure that it ended with; `deadline_exceeded` `operation_pending` if it has not ended in time, and goes on
 */
export async function longResult<Result>(
  ask: AskStatus<Result>,
  started: LongStatus<Result>,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<Result> {
  const untilMs = performance.now() + timeoutMs;
  for (let status = started; ; ) {
    if (isLongEnded(status)) return resultOf(status);
    const leftS = Math.ceil((untilMs - performance.now()) / 1_000);
    if (leftS <= 0) {
      throw new ServiceError('The operation has not ended in time; it goes on.', {
        code: 'deadline_exceeded',
        reason: 'operation_pending',
      });
    }
    status = await ask({ operationId: status.operationId, prefer: `wait=${Math.min(leftS, 20)}` });
  }
}

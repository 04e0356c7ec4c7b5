import { dataValidator } from '@banyan/contract';
import type { Caller, Logger, Sql } from '@banyan/core';
import { createMessage } from '@banyan/events';
import { createCallContext, type Endpoint } from '@banyan/rpc';
import type { SagaEnvironment, SagaTransaction, StepIdentity, StepMessage } from '@banyan/saga';
import { formatTraceparent, parseTraceparent } from '@banyan/telemetry';
import { callOperation } from './clients.ts';
import { createEmission } from './emission.ts';
import type { ServiceRuntime } from './handler-context.ts';
import { watchInterleaving } from './interleaving.ts';
import { type Outgoing, type OutgoingEvent, recordOutgoing } from './outgoing.ts';
import type { Uses } from './service-context.ts';
import { onceCommitted } from './service-metrics.ts';
import { traced } from './service-spans.ts';

/** What steps of sagas reach the service through. */
export function createSagaEnvironment(
  runtime: () => ServiceRuntime,
  {
    service,
    endpoint,
    uses,
  }: {
    /** Whom callees see: of several versions of a contract, the one that runs the saga. */
    readonly service: string;
    readonly endpoint: (contractName: string) => Endpoint;
    readonly uses: Uses;
  },
): SagaEnvironment {
  const services = new Set(Object.values(uses).map(({ name }) => name));
  return {
    transaction: (work, options) => inTransaction(runtime(), work, options?.signal),
    call: async (call) => {
      const { operation, input, timeoutMs, idempotencyKey, signal } = call;
      if (!services.has(operation.service)) {
        throw new TypeError(`'${call.saga}' calls '${operation.service}': add it to 'uses' of the service.`);
      }
      const context = contextOf(service, call);
      try {
        return await callOperation(service, endpoint(operation.service), operation, {
          input,
          parent: context,
          idempotencyKey,
          signal,
          ...(timeoutMs === undefined ? undefined : { timeoutMs }),
        });
      } finally {
        context.end();
      }
    },
    log: (identity) => logOf(runtime(), identity),
    watch: (identity, attempt) => runtime().spans?.sagas.step(identity, attempt),
  };
}

function inTransaction<Result>(
  runtime: ServiceRuntime,
  work: (transaction: SagaTransaction) => Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  return runtime.database.tx(
    async (transaction) => {
      const { sql } = transaction;
      const interleaving = watchInterleaving();
      const outgoing: Outgoing[] = [];
      const result = await work({
        sql,
        get isInterleaved() {
          return interleaving.happened;
        },
        send: (message) => {
          const event = createSagaMessage(runtime, message);
          outgoing.push(event);
          return event.event.id;
        },
        open: (identity, onInterleaved) => {
          const trace = runtime.spans && parseTraceparent(identity.traceparent);
          const own = trace === undefined ? sql : traced(runtime, { trace }, sql);
          const admission = interleaving.admit(own, onInterleaved);
          return { context: new OpenStepContext(runtime, admission.sql, { identity, outgoing }), admission };
        },
      });
      await recordOutgoing(runtime, transaction, outgoing);
      return result;
    },
    { concurrent: true, ...(signal && { signal }) },
  );
}

/** Everything but `sql` is made when it is asked for. */
class OpenStepContext {
  readonly sql: Sql;
  readonly #runtime: ServiceRuntime;
  readonly #step: { readonly identity: StepIdentity; readonly outgoing: Outgoing[] };

  constructor(
    runtime: ServiceRuntime,
    sql: Sql,
    step: { readonly identity: StepIdentity; readonly outgoing: Outgoing[] },
  ) {
    this.sql = sql;
    this.#runtime = runtime;
    this.#step = step;
  }

  get emit() {
    const runtime = this.#runtime;
    const { identity, outgoing } = this.#step;
    return (name: string, data: unknown) => {
      const cause = contextOf(runtime.contract.name, identity);
      outgoing.push(createEmission({ runtime, context: cause }, name, data));
      cause.end();
    };
  }

  get metrics() {
    const { metrics, spans } = this.#runtime;
    const { identity, outgoing } = this.#step;
    return metrics.measure(() => spans && parseTraceparent(identity.traceparent), onceCommitted(outgoing));
  }

  get log(): Logger {
    return logOf(this.#runtime, this.#step.identity);
  }
}

function createSagaMessage({ contract, clock, spans }: ServiceRuntime, step: StepMessage): OutgoingEvent {
  const { message, expiresAtMs, sagaId } = step;
  const data = dataValidator(message).parse(step.data) as Readonly<Record<string, unknown>>;
  const context = contextOf(contract.name, step);
  context.end();
  const span = spans?.events.told(
    'send',
    `@${message.service}.${message.name}`,
    parseTraceparent(step.traceparent),
  );
  const event = createMessage({
    service: contract.name,
    to: message.service,
    name: message.name,
    type: message.type,
    key: String(data[message.key]),
    data,
    occurredAtMs: clock.nowMs(),
    wantsReply: message.reply !== undefined,
    saga: sagaId,
    expiresAtMs,
    traceparent: formatTraceparent(span ?? context.trace),
    caller: context.caller,
  });
  if (span !== undefined) spans?.events.describe(span, event);
  return { event, span };
}

/** Whoever started the saga, carried on: same trace, same end user. */
function contextOf(service: string, { user, traceparent }: StepIdentity) {
  const caller: Caller = user === undefined ? { service } : { service, user };
  return createCallContext({
    caller,
    trace: parseTraceparent(traceparent),
    timeoutMs: Number.POSITIVE_INFINITY,
  });
}

function logOf(runtime: ServiceRuntime, { sagaId, saga, step, traceparent }: StepIdentity): Logger {
  const trace = parseTraceparent(traceparent);
  return runtime.logger.with({
    sagaId,
    saga,
    step,
    ...(trace === undefined ? undefined : { traceId: trace.traceId, spanId: trace.spanId }),
  });
}

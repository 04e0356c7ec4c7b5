import type { AuditLog, NewAuditRecord } from '@banyan/audit';
import {
  type Contract,
  errorDataValidator,
  type MetricsOf,
  type Operation,
  type Upload,
} from '@banyan/contract';
import {
  type CallContext,
  type Caller,
  type Clock,
  codeOfHttpStatus,
  type Database,
  type Logger,
  ServiceError,
  type Sql,
  type TraceContext,
  type TransactionOptions,
} from '@banyan/core';
import type { ClaimStore, Outbox, RequestStore } from '@banyan/events';
import type { SagaEngine, Startable } from '@banyan/saga';

import type { AuditTrail, CallRecord } from './audit-trail.ts';
import type { Callbacks } from './callback.ts';
import type { CreateCalls } from './clients.ts';
import { createTx } from './create-tx.ts';
import { groupCommitsOf } from './group-commit.ts';
import type { MessageDirectory } from './message-directory.ts';
import type { MessageMetrics } from './message-metrics.ts';
import type { GatheredAnswer, GatherOptions, ReplyState, RequestOptions } from './message-types.ts';
import { type Outgoing, recordOutgoing } from './outgoing.ts';
import type { ReaderWatch } from './reader-watch.ts';
import type { ReplyStore } from './reply-store.ts';
import type { RequestDesk } from './request-desk.ts';
import type { Sagas } from './saga-types.ts';
import { createSagas } from './sagas.ts';
import type { OperationContext, Tx, Uses } from './service-context.ts';
import type { Flows, ServiceFlows } from './service-flows.ts';
import { atOnce, type Recording, type ServiceMetrics } from './service-metrics.ts';
import type { Closable, ResourceContext, ServiceResources } from './service-resources.ts';
import { type ServiceSpans, spanOf, traced } from './service-spans.ts';

/** What all contexts of one running service share. */
export interface ServiceRuntime {
  readonly contract: Contract;
  /** Name of this running instance. */
  readonly instance: string;
  readonly createCalls: CreateCalls;
  readonly config: unknown;
  readonly dataFolder: string;
  readonly resources: ServiceResources;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Undefined if nobody wants spans. */
  readonly spans: ServiceSpans | undefined;
  /** Throws for a service that has no database, with the fix in the text. */
  readonly database: Database;
  readonly outbox: Outbox;
  readonly requests: RequestStore;
  readonly desk: RequestDesk;
  /** Throws for a service that runs no sagas, with the fix in the text. */
  readonly sagas: SagaEngine;
  /** Sagas and durable functions. */
  readonly sagaDefinitions: readonly Startable[];
  /** Throws for a service that watches no flows, with the fix in the text. */
  readonly flows: ServiceFlows;
  /** Replies to keyed calls; undefined for a service that has no database. */
  readonly replies: ReplyStore | undefined;
  /** Throws for a service that has no database, with the fix in the text. */
  readonly audit: AuditTrail;
  readonly claims: ClaimStore;
  readonly callbacks: Callbacks;
  /** Names of the services that may call, and so may send. */
  readonly callers: ReadonlySet<string>;
  /** Throws for a service that has no database, with the fix in the text. */
  readonly readers: ReaderWatch;
  readonly directory: MessageDirectory;
  readonly messageMetrics: MessageMetrics;
  /** What the contract declares. */
  readonly metrics: ServiceMetrics;
  /** Tells the relay that something was committed. */
  readonly onEmitted: () => void;
}

/** The call's own context, plus what the service may do. Everything is made when it is first asked for. */
export class HandlerContext {
  readonly runtime: ServiceRuntime;
  readonly context: CallContext;
  #calls: ReturnType<CreateCalls> | undefined = undefined;
  #log: Logger | undefined = undefined;

  constructor(runtime: ServiceRuntime, context: CallContext) {
    this.runtime = runtime;
    this.context = context;
  }

  get trace(): TraceContext {
    return this.context.trace;
  }

  get caller(): Caller {
    return this.context.caller;
  }

  get deadlineMs(): number {
    return this.context.deadlineMs;
  }

  get signal(): AbortSignal {
    return this.context.signal;
  }

  get idempotencyKey(): string | undefined {
    return this.context.idempotencyKey;
  }

  get instance(): string {
    return this.runtime.instance;
  }

  get config(): unknown {
    return this.runtime.config;
  }

  get dataFolder(): string {
    return this.runtime.dataFolder;
  }

  get resource(): <Value extends Closable>(open: (context: ResourceContext<never>) => Value) => Value {
    return (open) => this.runtime.resources.get(open);
  }

  get call(): ReturnType<CreateCalls> {
    this.#calls ??= this.runtime.createCalls(this.context);
    return this.#calls;
  }

  get log(): Logger {
    if (this.#log === undefined) {
      const { traceId, spanId } = this.context.trace;
      this.#log = this.runtime.logger.with({ traceId, spanId });
    }
    return this.#log;
  }

  /** The metrics that the contract declares, on behalf of this context. */
  protected measured(record: Recording): MetricsOf<Contract> {
    const { runtime, context } = this;
    return runtime.metrics.measure(() => spanOf(runtime, context), record);
  }
}

/** What an operation's handler receives. Its methods are getters, so that destructuring them keeps `this`. */
export class OperationHandlerContext
  extends HandlerContext
  implements OperationContext<Contract, Operation, Uses, unknown>
{
  readonly operation: Operation;
  readonly upload: Upload;
  /** Of this call, if its operation is audited. */
  readonly record: CallRecord | undefined;

  constructor(
    runtime: ServiceRuntime,
    context: CallContext,
    call: {
      readonly operation: Operation;
      readonly upload?: Upload | undefined;
      readonly record: CallRecord | undefined;
    },
  ) {
    super(runtime, context);
    this.operation = call.operation;
    this.upload = call.upload as Upload;
    this.record = call.record;
  }

  get sql(): Sql {
    return traced(this.runtime, this.context, this.runtime.database.sql);
  }

  get metrics(): MetricsOf<Contract> {
    return this.measured(atOnce);
  }

  get tx(): OperationContext<Contract, Operation, Uses, unknown>['tx'] {
    const { runtime, context, record } = this;
    return (work, options) => runTransaction(runtime, context, { work, record, ...options });
  }

  get groupCommit(): OperationContext<Contract, Operation, Uses, unknown>['groupCommit'] {
    const { runtime, context } = this;
    // The type of the rows follows from the statements, which are erased here.
    return (work) => groupCommitsOf(runtime).run(context, work) as Promise<never>;
  }

  get request(): (name: string, data: unknown, options?: RequestOptions) => Promise<never> {
    const { runtime, context } = this;
    // The type of the reply follows from the name, which is erased here.
    return (name, data, options) => runtime.desk.request(context, { name, data, options }) as Promise<never>;
  }

  get reply(): (name: string, id: string) => Promise<ReplyState<never>> {
    const { desk } = this.runtime;
    return (name, id) => desk.reply(name, id) as Promise<ReplyState<never>>;
  }

  get sagas(): Sagas {
    return createSagas(this.runtime, this.context);
  }

  get flows(): Flows {
    return this.runtime.flows.queries;
  }

  get audits(): Pick<AuditLog, 'list'> {
    return this.runtime.audit;
  }

  get gather(): (name: string, data: unknown, options: GatherOptions) => Promise<GatheredAnswer<never>[]> {
    const { runtime, context } = this;
    return (name, data, options) =>
      runtime.desk.gather(context, { name, data, options }) as Promise<GatheredAnswer<never>[]>;
  }

  get fail(): (name: string, data?: unknown) => never {
    return (name, data) => {
      throw createRefusal(this.operation, name, data);
    };
  }
}

interface TransactionRun<Result> extends TransactionOptions {
  readonly work: (tx: Tx<Contract>) => Promise<Result>;
  readonly record?: CallRecord | undefined;
}

/** Runs `work` in a transaction of the service's database, with what it emits. */
export function runTransaction<Result>(
  runtime: ServiceRuntime,
  context: CallContext,
  run: TransactionRun<Result>,
): Promise<Result> {
  const { work, record, ...options } = run;
  const transact = (audit: NewAuditRecord | undefined) =>
    runtime.database.tx(
      async (transaction) => {
        const outgoing: Outgoing[] = audit === undefined ? [] : [{ audit }];
        const result = await work(createTx(runtime, { context, transaction, outgoing }));
        await recordOutgoing(runtime, transaction, outgoing);
        const commit = runtime.spans?.statements.commit(context.trace);
        if (commit !== undefined) transaction.onCommit(() => commit.end());
        return result;
      },
      { ...options, concurrent: true, signal: options.signal ?? context.signal },
    );
  return record === undefined ? transact(undefined) : record.carriedBy(transact);
}

/**
 * The error that `fail(name, data)` throws.
 * @throws TypeError if the contract declares no such refusal
 */
function createRefusal(operation: Operation, name: string, data: unknown): ServiceError {
  const declared = Object.hasOwn(operation.errors, name) ? operation.errors[name] : undefined;
  if (declared === undefined) {
    const known = Object.keys(operation.errors).join(', ') || 'none';
    throw new TypeError(
      `fail('${name}'): operation '${operation.service}.${operation.name}' declares no such refusal; it has ${known}.`,
    );
  }
  const details = errorDataValidator(operation, name)?.parse(data);
  return new ServiceError(declared.description ?? `Refused: ${name}.`, {
    code: codeOfHttpStatus(declared.status),
    reason: name,
    status: declared.status,
    details,
    declared: true,
  });
}

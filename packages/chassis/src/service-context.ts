import type { AuditLog } from '@banyan/audit';
import type {
  Binary,
  Contract,
  Download,
  InputOf,
  MetricsOf,
  Operation,
  OutputOf,
  Schema,
  Upload,
} from '@banyan/contract';
import type { CallContext, Logger, Sql, SqlQuery, Transaction, TransactionOptions } from '@banyan/core';
import type { Audit } from './audit-trail.ts';
import type {
  ConsumerContext,
  Delivered,
  Gather,
  Reachable,
  ReadReply,
  Request,
  Send,
} from './message-types.ts';
import type { SagaActions, Sagas } from './saga-types.ts';
import type { Flows } from './service-flows.ts';
import type { Closable, ResourceContext } from './service-resources.ts';

export type Uses = Readonly<Record<string, Contract>>;

/** What an operation's caller gets. */
export type ResultOf<Op extends Operation> = Op['output'] extends Binary ? Download : OutputOf<Op['output']>;
/** What an operation's handler must return. */
export type HandlerResultOf<Op extends Operation> = Op['output'] extends Binary
  ? Download
  : InputOf<Op['output']>;

/** Options of one outgoing call. Deadline, cancellation, caller and trace come from the context by themselves. */
export interface CallOptions {
  /** Waits at most this long, in milliseconds; an earlier deadline of the context wins. */
  readonly timeoutMs?: number;
  /** Names the effect, so that repeating the call does not repeat it; the platform may then retry. */
  readonly idempotencyKey?: string;
  /** Cancels this call alone. */
  readonly signal?: AbortSignal;
  /** The bytes for an operation that declares `upload`. */
  readonly upload?: Upload;
}

/** Typed calls to one service. Each rejects with a `ServiceError`; see `Endpoint.call` for what it can be. */
export type Client<C extends Contract> = {
  readonly [Name in keyof C['operations']]: (
    input: InputOf<C['operations'][Name]['input']>,
    options?: CallOptions,
  ) => Promise<ResultOf<C['operations'][Name]>>;
};

/** Typed calls to every service named in `uses`. */
export type Calls<U extends Uses> = { readonly [Name in keyof U]: Client<U[Name]> };

/** Records an event in the open transaction: it is delivered if, and only if, the transaction commits. */
export type Emit<C extends Contract> = <Name extends keyof C['events'] & string>(
  name: Name,
  data: InputOf<C['events'][Name]['data']>,
) => void;

/** One open transaction of the service's database. */
// biome-ignore lint/complexity/noBannedTypes: `{}` is the empty record of contracts.
export interface Tx<C extends Contract, U extends Uses = {}> extends Transaction, SagaActions {
  readonly emit: Emit<C>;
  readonly send: Send<Reachable<C, U>>;
  readonly audit: Audit;
  /** What the contract declares: each measurement counts if, and only if, the transaction commits. */
  readonly metrics: MetricsOf<C>;
}

/** What a closed list of statements is made with. */
// biome-ignore lint/complexity/noBannedTypes: `{}` is the empty record of contracts.
export type ClosedTx<C extends Contract, U extends Uses = {}> = Pick<
  Tx<C, U>,
  'sql' | 'emit' | 'send' | 'audit' | 'metrics'
>;

/** What each statement of a list gives. */
export type RowsOf<Queries extends readonly SqlQuery<object>[]> = {
  -readonly [Index in keyof Queries]: Queries[Index] extends SqlQuery<infer Row> ? Row[] : never;
};

type DataArguments<E> = E extends { readonly data: infer Data extends Schema } ? [data: InputOf<Data>] : [];

/** Ends the operation with a refusal that its contract declares. Never returns. */
export type Fail<Op extends Operation> = <Name extends keyof Op['errors'] & string>(
  name: Name,
  ...data: DataArguments<Op['errors'][Name]>
) => never;

/** What every handler of a service may use. */
export interface ServiceContext<U extends Uses, Config> extends CallContext {
  readonly call: Calls<U>;
  readonly config: Config;
  /** Name of this running instance, such as `orders-1`; another one's is different. */
  readonly instance: string;
  /** Folder of this machine for the service's own files; made by whoever writes the first one. Gone with the machine: keep there what can be made again, or set a folder that is kept. */
  readonly dataFolder: string;
  /** Carries the service's name, and the trace id of what the handler was called for. */
  readonly log: Logger;
  /**
   * What `open` opens, such as a connection to a store of the service's own: opened at the first use, the same at every other with the same
   * function, and closed when the service has stopped, after its last handler.
   */
  readonly resource: <Value extends Closable>(open: (context: ResourceContext<Config>) => Value) => Value;
}

/** What an operation's handler gets beside its input. */
export interface OperationContext<C extends Contract, Op extends Operation, U extends Uses, Config>
  extends ServiceContext<U, Config> {
  /** The service's own database; each statement commits by itself. Use `tx` for more than one. */
  readonly sql: Sql;
  tx<Result>(work: (tx: Tx<C, U>) => Promise<Result>, options?: TransactionOptions): Promise<Result>;
  /**
   * A transaction whose statements are all known before the first of them runs: `work` returns them as a list, without waiting for any. It may share its
   * commit with other calls that wait, which makes it several times cheaper under load than `tx`; it takes effect as if it were alone, in full or not at all.
   * `work` runs again if another call's list fails. Rejects as `tx` does.
   */
  groupCommit<const Queries extends readonly SqlQuery<object>[]>(
    work: (tx: ClosedTx<C, U>) => Queries,
  ): Promise<RowsOf<Queries>>;
  /**
   * What the contract declares. Counts at once, such as a refusal; what a transaction brings about is counted with the `metrics` of that transaction. In
   * a call that a saga makes: when it is answered. A commit counts once, however often the saga asks; a refusal each time it is given.
   */
  readonly metrics: MetricsOf<C>;
  readonly request: Request<Reachable<C, U>>;
  readonly reply: ReadReply<Reachable<C, U>>;
  readonly gather: Gather<C>;
  /** The service's sagas, outside of a transaction. */
  readonly sagas: Sagas;
  /** The flows that the service watches. */
  readonly flows: Flows;
  /** Reads what is on record in this service. */
  readonly audits: Pick<AuditLog, 'list'>;
  readonly fail: Fail<Op>;
  /** The request's byte stream, for an operation that declares `upload`. */
  readonly upload: Op['upload'] extends undefined ? undefined : Upload;
}

/**
 * What a consumer's handler gets beside the event's data. `sql`, `emit` and `send` work in one transaction, opened at their first use, in which
 * the event is also marked as handled: the effect happens once, or the handler runs again. Calls to other services may be
 * repeated with it, so give them an idempotency key.
 */
export interface EventContext<C extends Contract, U extends Uses, Config>
  extends ConsumerContext<C, U, Config> {
  readonly event: Delivered & {
    readonly type: string;
    /** Commit time of the change that the event tells of, RFC 3339 UTC. */
    readonly occurredAt: string;
  };
}

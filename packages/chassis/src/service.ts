import { getCallSites } from 'node:util';
import type { AuditLog } from '@banyan/audit';
import {
  type Binary,
  type Contract,
  consumableEvents,
  type Download,
  type InputOf,
  type LongPart,
  type Operation,
  type Operations,
  type OutputOf,
  type PlatformEvents,
  type Schema,
  type Upload,
} from '@banyan/contract';
import type { CallContext, Logger, Sql, SqlQuery, Transaction, TransactionOptions } from '@banyan/core';
import type { FlowDefinition } from '@banyan/flow';
import type { DurableDefinition, SagaDefinition } from '@banyan/saga';
import type { Audit, AuditedOperations } from './audit-trail.ts';
import type { BackgroundContext, BackgroundTask } from './background.ts';
import { checkFlows } from './check-flows.ts';
import { checkMessageHandlers } from './check-messages.ts';
import { checkSagas } from './check-sagas.ts';
import { type LongHandler, longHandlers } from './long-operations.ts';
import type {
  AnswerResult,
  ConsumerContext,
  Gather,
  MessageContext,
  MessageHandlers,
  Reachable,
  ReadReply,
  ReplyContext,
  ReplyHandlers,
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
}

/** What a closed list of statements is made with. */
// biome-ignore lint/complexity/noBannedTypes: `{}` is the empty record of contracts.
export type ClosedTx<C extends Contract, U extends Uses = {}> = Pick<
  Tx<C, U>,
  'sql' | 'emit' | 'send' | 'audit'
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
  /** Carries the service's name and the trace id. */
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
  readonly event: {
    readonly id: string;
    readonly type: string;
    /** Commit time of the change that the event tells of, RFC 3339 UTC. */
    readonly occurredAt: string;
    /** 1 for the first delivery to this consumer. */
    readonly attempt: number;
  };
}

type EventNamesOf<All extends Uses> = {
  [Service in keyof All & string]: `${Service}.${keyof ConsumableEvents<All[Service]> & string}`;
}[keyof All & string];
type EventOf<All extends Uses, Name> = Name extends `${infer Service}.${infer EventName}`
  ? Service extends keyof All
    ? EventName extends keyof ConsumableEvents<All[Service]>
      ? ConsumableEvents<All[Service]>[EventName]
      : never
    : never
  : never;
type ConsumableEvents<C extends Contract> = C['events'] & PlatformEvents;
type EventDataOf<All extends Uses, Name> =
  EventOf<All, Name> extends { readonly data: infer Data } ? OutputOf<Data> : never;

/** Names of the operations of a kind: without `long`, or of one part of a long one. */
type NamesOf<Ops extends Operations, Long> = {
  [Name in keyof Ops]: Ops[Name] extends { readonly long: Long } ? Name : never;
}[keyof Ops];
/** Names of operations that have a handler of their own. */
type HandledNames<Ops extends Operations> = Exclude<keyof Ops, NamesOf<Ops, LongPart>>;

/** A service whose contract has long operations says what they run. */
type RunsLong<C extends Contract> = [NamesOf<C['operations'], LongPart<'start'>>] extends [never]
  ? unknown
  : { readonly long: object };

export interface ServiceOptions<C extends Contract, U extends Uses, ConfigSchema extends Schema> {
  /**
   * What the service is called where it is placed, configured and given a database. Default: the name of the contract, which callers use anyway. Needed
   * for a further version of a contract beside another one: `name: 'orders-v2'`.
   */
  readonly name?: string;
  /** The contracts that this service may call and listen to, by the name it uses for them. */
  readonly uses?: U;
  /** Object schema of the configuration; each property is read from `<SERVICE>_<PROPERTY>` in the environment or `.env`. */
  readonly config?: ConfigSchema;
  /** Folder of numbered SQL files (`0001-create-orders.sql`), run once each, in order. A service without it has no database. */
  readonly migrations?: URL;
  /** A handler for each operation but the long ones. */
  readonly operations: {
    readonly [Name in HandledNames<C['operations']>]: (
      input: OutputOf<C['operations'][Name]['input']>,
      context: OperationContext<C, C['operations'][Name], U, OutputOf<ConfigSchema>>,
    ) => Promise<HandlerResultOf<C['operations'][Name]>>;
  };
  /** What each long operation of the contract runs. The platform starts it, tells how it stands, and cancels it. */
  readonly long?: {
    readonly [Name in NamesOf<C['operations'], LongPart<'start'>>]: LongHandler<
      OutputOf<C['operations'][Name]['input']>,
      OperationContext<C, C['operations'][Name], U, OutputOf<ConfigSchema>>
    >;
  };
  /**
   * Consumers, by `service.event` over `uses` and the service's own events, and `service.banyanAlarm`, which the platform tells of every service. At
   * least once, in order per key, effect once.
   */
  readonly on?: {
    readonly [Name in EventNamesOf<Reachable<C, U>>]?: (
      data: EventDataOf<Reachable<C, U>, Name>,
      context: EventContext<C, U, OutputOf<ConfigSchema>>,
    ) => Promise<AnswerResult<EventOf<Reachable<C, U>, Name>>>;
  };
  /** One handler for each message of the contract: at least once, in order per key of a sender, effect once. Resolves with the reply. */
  readonly messages?: MessageHandlers<C, U, OutputOf<ConfigSchema>>;
  /** Handlers of replies to messages that this service sends, by `service.message`. Effect once. Replies to `request` go to whoever waits instead. */
  readonly replies?: ReplyHandlers<C, U, OutputOf<ConfigSchema>>;
  /**
   * Operations whose calls are put on record, however they end, each with what it is about: `cancelOrder: ({ orderId }) => orderId`. The record commits with
   * the first transaction of the call; without one it is written before the answer.
   */
  readonly audited?: {
    readonly [Name in keyof C['operations']]?: (
      input: OutputOf<C['operations'][Name]['input']>,
    ) => string | undefined;
  };
  /** Gives the service a database although nothing else needs one, so that denied calls are on record. Default false. */
  readonly keepsRecords?: boolean;
  /**
   * The handlers act through something that no transaction of this service holds, such as another program. Sagas may then only read (`GET`): nobody could
   * tell them whether anything else has happened. Default false.
   */
  readonly actsOutside?: boolean;
  /**
   * Whether what the service stands on outside of the platform can do its work: rejects if not, after 2 s at the latest. Part of `/health/ready`; a
   * `ServiceError` says why in its message.
   */
  readonly readiness?: (context: ReadinessContext<OutputOf<ConfigSchema>>) => Promise<void>;
  /** Sagas that this service runs, each version that may still be under way. */
  readonly sagas?: readonly SagaDefinition[];
  /** Durable functions that this service runs, each version that may still be under way. */
  readonly durable?: readonly DurableDefinition[];
  /** Flows that this service watches: it listens to their events, of services in `uses` and its own, and follows how far each has come. */
  readonly flows?: readonly FlowDefinition[];
  /**
   * Work that goes on while the service runs, in every instance of it, by name: it begins when the service is ready and ends when
   * `signal` aborts. A task that rejects is started again after a back-off, 1 s to 60 s; one that resolves is done.
   */
  readonly background?: Readonly<
    Record<string, (context: BackgroundContext<C, U, OutputOf<ConfigSchema>>) => Promise<void>>
  >;
}

export interface ReadinessContext<Config> {
  readonly config: Config;
  /** Aborts after 2 s. */
  readonly signal: AbortSignal;
}

/** A service whose contract has messages must handle them. */
type HandlesMessages<C extends Contract> = keyof C['messages'] extends never
  ? unknown
  : { readonly messages: object };

/** A service as a value: what it promises and how it keeps it. Starting it is the host's job. */
export interface Service {
  readonly kind: 'service';
  /** The contract's, unless several versions of it run side by side. */
  readonly name: string;
  readonly contract: Contract;
  readonly uses: Uses;
  readonly config: Schema | undefined;
  readonly migrations: URL | undefined;
  readonly operations: Readonly<Record<string, OperationHandler>>;
  readonly on: Readonly<Record<string, EventHandler>>;
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly replies: Readonly<Record<string, ReplyHandler>>;
  readonly sagas: readonly SagaDefinition[];
  readonly durable: readonly DurableDefinition[];
  readonly flows: readonly FlowDefinition[];
  readonly audited: AuditedOperations;
  readonly keepsRecords: boolean;
  readonly actsOutside: boolean;
  readonly readiness: ((context: ReadinessContext<unknown>) => Promise<void>) | undefined;
  readonly background: Readonly<Record<string, BackgroundTask>>;
  /** URL of the module that defined it; what a development reload imports again. */
  readonly definedAt: string;
}

/** An operation's handler with its types erased; the host validates what it passes in. */
export type OperationHandler = (
  input: unknown,
  context: OperationContext<Contract, Operation, Uses, unknown>,
) => Promise<unknown>;
/** A consumer's handler with its types erased. */
export type EventHandler = (
  data: unknown,
  context: EventContext<Contract, Uses, unknown>,
) => Promise<unknown>;
/** A message's handler with its types erased. */
export type MessageHandler = (
  data: unknown,
  context: MessageContext<Contract, Uses, unknown>,
) => Promise<unknown>;
/** A reply's handler with its types erased. */
export type ReplyHandler = (reply: unknown, context: ReplyContext<Contract, Uses, unknown>) => Promise<void>;

/**
 * Defines the service that keeps `contract`.
 * @throws TypeError, with the fix in the text, if a handler is missing or unknown, or `on` or `replies` names what no contract in `uses` has
 */
export function service<
  C extends Contract,
  // biome-ignore lint/complexity/noBannedTypes: `{}` is the empty record of contracts.
  const U extends Uses = {},
  ConfigSchema extends Schema = Schema,
>(contract: C, options: ServiceOptions<C, U, ConfigSchema> & HandlesMessages<C> & RunsLong<C>): Service {
  const uses: Uses = options.uses ?? {};
  checkAudited(contract, options.audited ?? {});
  checkConsumers(contract, uses, Object.keys(options.on ?? {}));
  const messages = (options.messages ?? {}) as unknown as Service['messages'];
  const replies = (options.replies ?? {}) as unknown as Service['replies'];
  checkMessageHandlers(contract, uses, { messages, replies });
  const { sagas = [], durable = [] } = options;
  checkSagas(contract, uses, { sagas, durable });
  const flows = options.flows ?? [];
  checkFlows(contract, uses, flows);
  const operations = {
    ...options.operations,
    ...longHandlers(contract, options.long ?? {}, [...sagas, ...durable]),
  };
  checkHandlers(contract, operations);
  return {
    kind: 'service',
    name: options.name ?? contract.name,
    contract,
    uses,
    config: options.config,
    migrations: options.migrations,
    operations: operations as unknown as Service['operations'],
    on: (options.on ?? {}) as unknown as Service['on'],
    messages,
    replies,
    sagas,
    durable,
    flows,
    audited: (options.audited ?? {}) as unknown as AuditedOperations,
    keepsRecords: options.keepsRecords ?? false,
    actsOutside: options.actsOutside ?? false,
    readiness: options.readiness as Service['readiness'],
    background: (options.background ?? {}) as unknown as Service['background'],
    definedAt: getCallSites(2)[1]?.scriptName ?? '',
  };
}

function checkHandlers(contract: Contract, handlers: object): void {
  for (const name of Object.keys(contract.operations)) {
    if (typeof (handlers as Record<string, unknown>)[name] !== 'function') {
      throw new TypeError(
        `service '${contract.name}': add a function 'operations.${name}'; the contract promises it.`,
      );
    }
  }
  for (const name of Object.keys(handlers)) {
    if (!Object.hasOwn(contract.operations, name)) {
      throw new TypeError(
        `service '${contract.name}': remove 'operations.${name}' or declare it in the contract, which has ${list(Object.keys(contract.operations))}.`,
      );
    }
  }
}

function checkAudited(contract: Contract, audited: object): void {
  for (const name of Object.keys(audited)) {
    if (Object.hasOwn(contract.operations, name)) continue;
    throw new TypeError(
      `service '${contract.name}': remove 'audited.${name}'; the contract has ${list(Object.keys(contract.operations))}.`,
    );
  }
}

function checkConsumers(contract: Contract, uses: Uses, names: readonly string[]): void {
  for (const name of names) {
    const [alias = '', eventName = '', ...rest] = name.split('.');
    const source = alias === contract.name ? contract : uses[alias];
    if (source === undefined) {
      throw new TypeError(
        `service '${contract.name}': on '${name}': add '${alias}' to 'uses', or use one of ${list(Object.keys(uses))}.`,
      );
    }
    const events = consumableEvents(source);
    if (rest.length > 0 || !Object.hasOwn(events, eventName)) {
      throw new TypeError(
        `service '${contract.name}': on '${name}': contract '${source.name}' has no such event; it has ${list(Object.keys(events))}.`,
      );
    }
  }
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}

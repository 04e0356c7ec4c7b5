import { getCallSites } from 'node:util';
import type {
  Contract,
  LongPart,
  Operation,
  Operations,
  OutputOf,
  PlatformEvents,
  Schema,
} from '@banyan/contract';
import type { FlowDefinition } from '@banyan/flow';
import type { DurableDefinition, SagaDefinition } from '@banyan/saga';
import type { AuditedOperations } from './audit-trail.ts';
import type { BackgroundContext, BackgroundTask } from './background.ts';
import { checkFlows } from './check-flows.ts';
import { checkAudited, checkConsumers, checkHandlers } from './check-handlers.ts';
import { checkMessageHandlers } from './check-messages.ts';
import { checkSagas } from './check-sagas.ts';
import { type LongHandler, longHandlers } from './long-operations.ts';
import type {
  AnswerResult,
  MessageContext,
  MessageHandlers,
  Reachable,
  ReplyContext,
  ReplyHandlers,
} from './message-types.ts';
import type { EventContext, HandlerResultOf, OperationContext, Uses } from './service-context.ts';

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

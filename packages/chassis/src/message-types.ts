import type { Contract, InputOf, MetricsOf, OutputOf, Schema } from '@banyan/contract';
import type { Sql } from '@banyan/core';
import type { Audit } from './audit-trail.ts';
import type { SagaActions } from './saga-types.ts';
import type { Emit, ServiceContext, Uses } from './service-context.ts';

/** Services that a service may send to: those in its `uses`, and itself, unless its name is known at run time only. */
export type Reachable<C extends Contract, U extends Uses> = U &
  (string extends C['name'] ? unknown : { readonly [Name in C['name']]: C });

/** `service.message` over the reachable services. */
export type MessageNames<All extends Uses> = {
  [Service in keyof All & string]: `${Service}.${keyof All[Service]['messages'] & string}`;
}[keyof All & string];

/** Those of them that are answered. */
export type RequestNames<All extends Uses> = {
  [Service in keyof All & string]: {
    [Name in keyof All[Service]['messages'] & string]: All[Service]['messages'][Name]['reply'] extends Schema
      ? `${Service}.${Name}`
      : never;
  }[keyof All[Service]['messages'] & string];
}[keyof All & string];

type MessageOf<All extends Uses, Name> = Name extends `${infer Service}.${infer Message}`
  ? Service extends keyof All
    ? Message extends keyof All[Service]['messages']
      ? All[Service]['messages'][Message]
      : never
    : never
  : never;
type DataInput<Type> = Type extends { readonly data: infer Data extends Schema } ? InputOf<Data> : never;
type DataOutput<Type> = Type extends { readonly data: infer Data extends Schema } ? OutputOf<Data> : never;
type ReplyOutput<Type> = Type extends { readonly reply: infer Reply extends Schema }
  ? OutputOf<Reply>
  : never;
type AnswerOutput<Type> = Type extends { readonly answer: infer Answer extends Schema }
  ? OutputOf<Answer>
  : never;
/** What a message's handler resolves with: the reply if the contract declares one. */
export type ReplyResult<Type> = Type extends { readonly reply: infer Reply extends Schema }
  ? InputOf<Reply>
  : // biome-ignore lint/suspicious/noConfusingVoidType: a handler of a one-way message returns nothing.
    void;
/** What an event's handler resolves with: an answer, if the contract declares one and the handler has one to give. */
export type AnswerResult<Type> = Type extends { readonly answer: infer Answer extends Schema }
  ? // biome-ignore lint/suspicious/noConfusingVoidType: a handler that has no answer returns nothing.
    InputOf<Answer> | undefined | void
  : // biome-ignore lint/suspicious/noConfusingVoidType: as above.
    void;

export interface SendOptions {
  /** Not handled earlier than in so many milliseconds. Give this or `at`. */
  readonly delayMs?: number;
  /** Not handled before this time, RFC 3339. */
  readonly at?: string;
  /** Dropped and counted if nobody has begun to handle it so many milliseconds after it was due. Default: never. */
  readonly expiresInMs?: number;
  /** The reply is POSTed to this URL as a CloudEvent, again and again until it is taken. Its host must be allowed: `BANYAN_CALLBACKS`. */
  readonly callback?: string;
}

/**
 * Sends a message in the open transaction: it is delivered if, and only if, that commits; handled once in effect, in the order of commits for each key of
 * one sender. Returns the message's id, by which replies refer to it.
 * @throws TypeError if the addressee or the message is unknown, naming what there is; ServiceError `invalid_argument` `invalid_input`,
 * `permission_denied` `callback_refused`
 */
export type Send<All extends Uses> = <Name extends MessageNames<All>>(
  name: Name,
  data: DataInput<MessageOf<All, Name>>,
  options?: SendOptions,
) => string;

export interface RequestOptions {
  /** Waits at most this long, in milliseconds; an earlier deadline of the context wins. Default 10,000. */
  readonly timeoutMs?: number;
  /** Ends this waiting alone; the message may be handled all the same. */
  readonly signal?: AbortSignal;
}

/**
 * Sends a message in a transaction of its own and waits for the reply. Use it outside of `tx`.
 * @throws ServiceError `deadline_exceeded` `no_reply`: the message may have been handled, or still be; a reply that comes later is dropped and counted
 */
export type Request<All extends Uses> = <Name extends RequestNames<All>>(
  name: Name,
  data: DataInput<MessageOf<All, Name>>,
  options?: RequestOptions,
) => Promise<ReplyOutput<MessageOf<All, Name>>>;

/** `expired`: no reply in time, or the request is not known, or no longer. A reply that still comes makes it `answered`, unless `request` waited for it. */
export type ReplyState<Reply> =
  | { readonly state: 'waiting' | 'expired' }
  | { readonly state: 'answered'; readonly reply: Reply };

/** How the message with the id that `send` returned has fared. Replies are kept for seven days after the message was due to expire. */
export type ReadReply<All extends Uses> = <Name extends RequestNames<All>>(
  name: Name,
  id: string,
) => Promise<ReplyState<ReplyOutput<MessageOf<All, Name>>>>;

export interface GatherOptions {
  /** How long to gather, in milliseconds; an earlier deadline of the context wins. */
  readonly forMs: number;
  /** Returns as soon as there are so many answers. */
  readonly atMost?: number;
}

export interface GatheredAnswer<Answer> {
  /** The service that answers. */
  readonly from: string;
  readonly answer: Answer;
}

type AnsweredEvents<C extends Contract> = {
  [Name in keyof C['events'] & string]: C['events'][Name]['answer'] extends Schema ? Name : never;
}[keyof C['events'] & string];

/**
 * Publishes an event in a transaction of its own and gathers what consumers answer until the time is over; none is fine. Later answers are dropped and
 * counted. Use it outside of `tx`.
 */
export type Gather<C extends Contract> = <Name extends AnsweredEvents<C>>(
  name: Name,
  data: DataInput<C['events'][Name]>,
  options: GatherOptions,
) => Promise<readonly GatheredAnswer<AnswerOutput<C['events'][Name]>>[]>;

/** What the handlers of events, messages and replies have in common. All that they do takes effect once, in one transaction. */
export interface ConsumerContext<C extends Contract, U extends Uses, Config>
  extends ServiceContext<U, Config>,
    SagaActions {
  readonly sql: Sql;
  readonly emit: Emit<C>;
  readonly send: Send<Reachable<C, U>>;
  /** Puts on record, with the time of what is handled, that something was done. */
  readonly audit: Audit;
  /** What the contract declares; counts once, with the effect of the handler. */
  readonly metrics: MetricsOf<C>;
}

/** What the handlers of events, messages and replies know of a delivery. */
export interface Delivered {
  readonly id: string;
  /** 1 for the first delivery to this consumer. */
  readonly attempt: number;
}

/** What a message's handler gets beside the data. */
export interface MessageContext<C extends Contract, U extends Uses, Config>
  extends ConsumerContext<C, U, Config> {
  readonly message: Delivered & {
    /** The sender. */
    readonly from: string;
    /** RFC 3339 UTC. */
    readonly sentAt: string;
    /** Dropped if nobody had begun to handle it by then, RFC 3339 UTC. */
    readonly expiresAt: string | undefined;
  };
}

/** What a reply's handler gets beside the reply. */
export interface ReplyContext<C extends Contract, U extends Uses, Config>
  extends ConsumerContext<C, U, Config> {
  readonly reply: Delivered & {
    /** What `send` returned: the correlation id. */
    readonly requestId: string;
    /** The service that answers. */
    readonly from: string;
    /** RFC 3339 UTC. */
    readonly sentAt: string;
  };
}

/** One handler for each message of the contract. */
export type MessageHandlers<C extends Contract, U extends Uses, Config> = {
  readonly [Name in keyof C['messages']]: (
    data: DataOutput<C['messages'][Name]>,
    context: MessageContext<C, U, Config>,
  ) => Promise<ReplyResult<C['messages'][Name]>>;
};

/** Handlers of replies to what this service has sent, by `service.message`. */
export type ReplyHandlers<C extends Contract, U extends Uses, Config> = {
  readonly [Name in RequestNames<Reachable<C, U>>]?: (
    reply: ReplyOutput<MessageOf<Reachable<C, U>, Name>>,
    context: ReplyContext<C, U, Config>,
  ) => Promise<void>;
};

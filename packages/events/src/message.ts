import { type Caller, uuidv7 } from '@banyan/core';
import { type CloudEvent, parseEvent } from './cloud-event.ts';

/** Name of every service's reply channel: answers to its requests come to `@<service>.replies`. */
export const replyChannel = 'replies';

/** CloudEvents type of the word that a saga's message expired before anybody began to handle it. */
export const expiredType = 'MessageExpired';

export interface NewMessage<Data = unknown> {
  /** The sender. */
  readonly service: string;
  /** The addressee. */
  readonly to: string;
  /** Key in the addressee's `messages`, such as `reserve`. */
  readonly name: string;
  /** CloudEvents type, such as `ReserveStock`. */
  readonly type: string;
  /** Value of the contract's key field. */
  readonly key: string;
  readonly data: Data;
  readonly occurredAtMs: number;
  /** True if the sender wants to hear back. */
  readonly wantsReply: boolean;
  /** Id of the saga that sends it. It is told in any case, also when the message expires. */
  readonly saga?: string | undefined;
  /** Epoch milliseconds after which nobody should handle it. */
  readonly expiresAtMs?: number | undefined;
  readonly traceparent?: string | undefined;
  readonly caller?: Caller | undefined;
  /** What was being handled when this was sent. */
  readonly cause?: CloudEvent | undefined;
}

/**
 * Builds a message with a new id.
 * @throws ServiceError `invalid_argument` `invalid_event` if the key, name or type cannot be carried
 */
export function createMessage<Data>(message: NewMessage<Data>): CloudEvent<Data> {
  return parseEvent({
    ...envelopeOf(message),
    subject: message.key,
    data: message.data,
    banyanname: `${message.to}.${message.name}`,
    banyanto: message.to,
    banyanreplyto: message.wantsReply ? message.service : undefined,
    banyansaga: message.wantsReply ? message.saga : undefined,
    banyanexpires: toTime(message.expiresAtMs),
  }) as CloudEvent<Data>;
}

export interface NewReply<Data = unknown> {
  /** The service that answers. */
  readonly service: string;
  /** CloudEvents type, such as `ReserveStockReply`. */
  readonly type: string;
  readonly data: Data;
  /** The message, or the gathered event, that it answers. */
  readonly request: CloudEvent;
  readonly occurredAtMs: number;
  readonly traceparent?: string | undefined;
  readonly caller?: Caller | undefined;
}

/**
 * Builds the answer to `request`, addressed to the service that it names in `banyanreplyto`. Keeps the key, so that answers of one service about one key
 * arrive in the order in which they were given.
 * @throws ServiceError `invalid_argument` `invalid_event` if nobody wants to hear back
 */
export function createReply<Data>(reply: NewReply<Data>): CloudEvent<Data> {
  const { request } = reply;
  return parseEvent({
    ...envelopeOf({ ...reply, cause: request }),
    subject: request.subject,
    data: reply.data,
    banyanname: `${request.banyanreplyto}.${replyChannel}`,
    banyanto: request.banyanreplyto,
    banyanrequest: request.id,
    banyansaga: request.banyansaga,
  }) as CloudEvent<Data>;
}

/** The event, asking those who hear of it to answer `replyTo` before the time is over. */
export function askForAnswers(event: CloudEvent, replyTo: string, expiresAtMs: number): CloudEvent {
  return parseEvent({ ...event, banyanreplyto: replyTo, banyanexpires: toTime(expiresAtMs) });
}

/** True if the time has come after which nobody should handle the message, or answer the event. */
export function isExpired(event: CloudEvent, nowMs: number): boolean {
  return event.banyanexpires !== undefined && Date.parse(event.banyanexpires) <= nowMs;
}

interface EnvelopeParts {
  readonly service: string;
  readonly type: string;
  readonly occurredAtMs: number;
  readonly traceparent?: string | undefined;
  readonly caller?: Caller | undefined;
  readonly cause?: CloudEvent | undefined;
}

function envelopeOf({ service, type, occurredAtMs, traceparent, caller, cause }: EnvelopeParts): object {
  const user = caller?.user;
  return {
    specversion: '1.0',
    id: uuidv7(),
    source: `/services/${service}`,
    type,
    time: toTime(occurredAtMs),
    datacontenttype: 'application/json',
    traceparent,
    banyancaller: caller?.service,
    banyanuser: user?.id,
    banyanscopes: user && user.scopes.length > 0 ? user.scopes.join(' ') : undefined,
    causationid: cause?.id,
    correlationid: cause === undefined ? undefined : (cause.correlationid ?? cause.id),
  };
}

function toTime(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

import { dataValidator } from '@banyan/contract';
import type { CallContext } from '@banyan/core';
import { type CloudEvent, createMessage, type NewRequest } from '@banyan/events';
import { formatTraceparent } from '@banyan/telemetry';
import type { ServiceRuntime } from './handler-context.ts';
import type { SendOptions } from './message-types.ts';
import type { OutgoingEvent } from './outgoing.ts';

/** How long a reply is waited for if its message never expires. */
const defaultReplyMs = 7 * 24 * 3_600_000;

export interface Sending {
  readonly name: string;
  readonly data: unknown;
  readonly options?: SendOptions | undefined;
  /** The instance that waits for the reply, if one does. */
  readonly waiter?: string | undefined;
  /** What is being handled, if anything. */
  readonly cause?: CloudEvent | undefined;
}

/**
 * The message that `send(name, data)` records: validated now, so that wrong data fails the transaction and not the addressee.
 * @throws TypeError if there is no such message, or the options contradict it
 */
export function createSending(
  runtime: ServiceRuntime,
  context: CallContext,
  sending: Sending,
): OutgoingEvent {
  const { contract, clock, directory, callbacks } = runtime;
  const { name, options = {}, waiter, cause } = sending;
  const caller = waiter === undefined ? 'send' : 'request';
  const type = directory.message(name, caller);
  if (options.callback !== undefined) {
    if (type.reply === undefined) throw oneWay(`send('${name}', …, { callback })`);
    callbacks.check(options.callback);
  }
  if (waiter !== undefined && type.reply === undefined) throw oneWay(`request('${name}')`);
  const nowMs = clock.nowMs();
  const dueAtMs = dueTimeOf(name, options, nowMs);
  const expiresAtMs =
    options.expiresInMs === undefined ? undefined : (dueAtMs ?? nowMs) + options.expiresInMs;
  const data = dataValidator(type).parse(sending.data) as Readonly<Record<string, unknown>>;
  const event = createMessage({
    service: contract.name,
    to: type.service,
    name: type.name,
    type: type.type,
    key: String(data[type.key]),
    data,
    occurredAtMs: nowMs,
    wantsReply: type.reply !== undefined,
    expiresAtMs,
    traceparent: formatTraceparent(context.trace),
    caller: context.caller,
    cause,
  });
  if (type.reply === undefined) return { event, dueAtMs };
  const request: NewRequest = {
    id: event.id,
    about: name,
    waiter,
    expiresInMs:
      expiresAtMs === undefined ? (dueAtMs ?? nowMs) - nowMs + defaultReplyMs : expiresAtMs - nowMs,
    callback: options.callback,
  };
  return { event, dueAtMs, request };
}

function dueTimeOf(name: string, { delayMs, at }: SendOptions, nowMs: number): number | undefined {
  if (delayMs !== undefined && at !== undefined)
    throw new TypeError(`send('${name}'): give 'delayMs' or 'at', not both.`);
  const dueAtMs = at === undefined ? nowMs + (delayMs ?? 0) : Date.parse(at);
  if (Number.isNaN(dueAtMs) || (delayMs ?? 0) < 0) {
    throw new TypeError(
      `send('${name}'): 'delayMs' is a number of milliseconds from 0, 'at' a time as RFC 3339.`,
    );
  }
  return dueAtMs > nowMs ? dueAtMs : undefined;
}

function oneWay(call: string): TypeError {
  return new TypeError(`${call}: the message is one-way: declare its 'reply' in the addressee's contract.`);
}

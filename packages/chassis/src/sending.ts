import { dataValidator } from '@banyan/contract';
import type { CallContext } from '@banyan/core';
import { type CloudEvent, createMessage } from '@banyan/events';
import { activeBelow, formatTraceparent } from '@banyan/telemetry';
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
  const { contract, clock, directory } = runtime;
  const { name, options = {}, waiter, cause } = sending;
  const type = directory.message(name, waiter === undefined ? 'send' : 'request');
  const wantsReply = type.reply !== undefined;
  if (waiter !== undefined && !wantsReply) throw oneWay(`request('${name}')`);
  if (options.callback !== undefined) {
    if (!wantsReply) throw oneWay(`send('${name}', …, { callback })`);
    runtime.callbacks.check(options.callback);
  }
  const nowMs = clock.nowMs();
  const { dueAtMs, expiresAtMs } = timesOf(name, options, nowMs);
  const data = dataValidator(type).parse(sending.data) as Readonly<Record<string, unknown>>;
  const spans = runtime.spans?.events;
  const span = spans?.told('send', `@${type.service}.${type.name}`, activeBelow(context) ?? context.trace);
  const event = createMessage({
    service: contract.name,
    to: type.service,
    name: type.name,
    type: type.type,
    key: String(data[type.key]),
    data,
    occurredAtMs: nowMs,
    wantsReply,
    expiresAtMs,
    traceparent: formatTraceparent(span ?? context.trace),
    caller: context.caller,
    cause,
  });
  if (span !== undefined) spans?.describe(span, event, dueAtMs);
  if (!wantsReply) return { event, dueAtMs, span };
  const replyByMs = expiresAtMs ?? (dueAtMs ?? nowMs) + defaultReplyMs;
  const { callback } = options;
  return {
    event,
    dueAtMs,
    span,
    request: { id: event.id, about: name, waiter, expiresInMs: replyByMs - nowMs, callback },
  };
}

interface Times {
  /** Undefined for at once. */
  readonly dueAtMs: number | undefined;
  /** Undefined for never. */
  readonly expiresAtMs: number | undefined;
}

function timesOf(name: string, { delayMs = 0, at, expiresInMs }: SendOptions, nowMs: number): Times {
  const refuse = (why: string) => new TypeError(`send('${name}'): ${why}`);
  if (at !== undefined && delayMs !== 0) throw refuse("give 'delayMs' or 'at', not both.");
  if (!(delayMs >= 0 && Number.isFinite(delayMs)))
    throw refuse("'delayMs' is a number of milliseconds from 0.");
  if (expiresInMs !== undefined && !(expiresInMs > 0 && Number.isFinite(expiresInMs)))
    throw refuse("'expiresInMs' is a positive number of milliseconds.");
  const dueAtMs = at === undefined ? nowMs + delayMs : Date.parse(at);
  if (Number.isNaN(dueAtMs)) throw refuse(`'at' is a time as in RFC 3339, not '${at}'.`);
  return {
    dueAtMs: dueAtMs > nowMs ? dueAtMs : undefined,
    expiresAtMs: expiresInMs === undefined ? undefined : Math.max(dueAtMs, nowMs) + expiresInMs,
  };
}

function oneWay(call: string): TypeError {
  return new TypeError(`${call}: the message is one-way: declare its 'reply' in the addressee's contract.`);
}

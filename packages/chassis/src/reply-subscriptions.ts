import { replyValidator } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { type CloudEvent, createMessage, expiredType, replyChannel, serviceOfEvent } from '@banyan/events';
import { parseCallback, toPublicEvent } from './callback.ts';
import type { EventHandlerContext } from './event-context.ts';
import { createMessageDirectory, type MessageDirectory } from './message-directory.ts';
import type { Outgoing } from './outgoing.ts';
import { parseData, receive } from './receiving.ts';
import type { ReplyHandler, Service } from './service.ts';
import type { Subscription } from './subscriptions.ts';

/** A service's messages to itself, so that a callback is retried and dead-lettered as any other work. */
const callbackChannel = 'callbacks';

/** What comes back to the service; empty if nothing can. */
export function replySubscriptions(service: Service): ReadonlyMap<string, Subscription> {
  const directory = createMessageDirectory(service.contract, service.uses);
  if (!directory.expectsReplies) return new Map();
  return new Map([
    [
      `@${service.name}.${replyChannel}`,
      { run: (context) => takeReply(context, { directory, handlers: service.replies }) },
    ],
    [`@${service.name}.${callbackChannel}`, { run: deliverCallback }],
  ]);
}

interface Expected {
  readonly directory: MessageDirectory;
  readonly handlers: Readonly<Record<string, ReplyHandler>>;
}

/** Records the reply, wakes whoever waits for it, and hands it to the service's own handler and callback. */
async function takeReply(context: EventHandlerContext, { directory, handlers }: Expected): Promise<void> {
  const event = await receive(context);
  const from = serviceOfEvent(event);
  if (event.banyansaga !== undefined) return tellSaga(context, event, directory);
  const asked = directory.asked(from, event.type);
  if (asked === undefined || event.banyanrequest === undefined) throw unexpectedReply(event, from);
  const requestId = event.banyanrequest;
  const data = parseData(event, replyValidator(asked.type));
  const { requests, desk } = context.runtime;
  const { outgoing } = context.handling;
  const verdict = await requests.answer(context.sql, { requestId, from, data });
  const handler = asked.type.kind === 'message' ? handlers[asked.name] : undefined;
  if (verdict.kind === 'taken') {
    const { waiter, callback } = verdict;
    if (waiter !== undefined) {
      outgoing.push({ afterCommit: () => desk.wake(requestId, waiter) });
      return;
    }
    if (callback !== undefined) outgoing.push(createCallback(context, event, callback));
  } else if (verdict.isKnown || handler === undefined) {
    outgoing.push(lateReply(context, asked.name));
    return;
  }
  // A handler gets replies to requests that are forgotten by now, too: what was done must not go unnoticed.
  await handler?.(data, context);
}

/** Leaves a letter with the saga that had sent the message. */
function tellSaga(context: EventHandlerContext, event: CloudEvent, directory: MessageDirectory): void {
  const { runtime, handling } = context;
  const { banyansaga: sagaId = '', banyanrequest: message = '' } = event;
  const from = serviceOfEvent(event);
  const asked = directory.asked(from, event.type);
  const hasExpired = event.type === expiredType;
  if ((asked === undefined && !hasExpired) || runtime.sagaDefinitions.length === 0) {
    throw unexpectedReply(event, from);
  }
  const reply = asked === undefined ? undefined : { data: parseData(event, replyValidator(asked.type)) };
  const { afterCommit: onUnread } = lateReply(context, asked?.name ?? from);
  handling.outgoing.push({ sagaId, letter: { kind: 'reply', message, from, reply }, onUnread });
}

function lateReply(context: EventHandlerContext, name: string): { readonly afterCommit: () => void } {
  const { log, runtime } = context;
  const { banyanrequest: requestId } = context.handling.event;
  return {
    afterCommit() {
      log.info('a reply came too late and was dropped', { about: name, requestId });
      runtime.messageMetrics.late(name);
    },
  };
}

function createCallback(context: EventHandlerContext, event: CloudEvent, url: string): Outgoing {
  const { contract, clock } = context.runtime;
  return {
    event: createMessage({
      service: contract.name,
      to: contract.name,
      name: callbackChannel,
      type: 'DeliverCallback',
      key: event.id,
      data: { url, event: toPublicEvent(event) },
      occurredAtMs: clock.nowMs(),
      wantsReply: false,
      traceparent: event.traceparent,
      caller: context.caller,
      cause: event,
    }),
  };
}

async function deliverCallback(context: EventHandlerContext): Promise<void> {
  context.leaveBatch('always');
  const { data } = await receive(context);
  await context.runtime.callbacks.deliver(parseCallback(data), context.signal);
}

function unexpectedReply(event: CloudEvent, from: string): ServiceError {
  return new ServiceError(
    `${from} answered with ${event.type}, which this version of the service has not asked for.`,
    { code: 'failed_precondition', reason: 'unexpected_reply' },
  );
}

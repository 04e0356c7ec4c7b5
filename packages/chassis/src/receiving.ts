import {
  type EventType,
  type MessageType,
  replyTypeOf,
  replyValidator,
  type Validator,
} from '@banyan/contract';
import { isServiceError, ServiceError } from '@banyan/core';
import { type CloudEvent, createReply, isExpired, topicOf } from '@banyan/events';
import { formatTraceparent } from '@banyan/telemetry';
import { checkOutClaim } from './claim-check.ts';
import type { EventHandlerContext } from './event-context.ts';

/** What a handler is given: the event with its data, fetched if that did not travel along. */
export async function receive(context: EventHandlerContext): Promise<CloudEvent> {
  const { event } = context.handling;
  if (event.dataref === undefined) return event;
  // Whoever waits for another database may not hold a transaction that others share.
  context.leaveBatch('once');
  return checkOutClaim(context.runtime, event);
}

/**
 * The event's data as the contract has it.
 * @throws ServiceError `invalid_argument` `invalid_event`, which no later delivery can mend, with what is wrong in `details`
 */
export function parseData<Data>(event: CloudEvent, validator: Validator<Data>): Data {
  try {
    return validator.parse(event.data);
  } catch (cause) {
    const why = isServiceError(cause) ? cause.message : 'its schema cannot be checked';
    throw new ServiceError(`The data of ${topicOf(event)} ${event.id} does not fit the contract: ${why}`, {
      code: 'invalid_argument',
      reason: 'invalid_event',
      details: isServiceError(cause) ? cause.details : undefined,
      cause,
    });
  }
}

/**
 * Sends back what a handler resolved with, in the handler's own transaction, if somebody wants to hear it and still waits.
 * @throws ServiceError `invalid_argument` `invalid_input` if it does not fit the contract
 */
export function reply(context: EventHandlerContext, type: EventType | MessageType, result: unknown): void {
  const data = replyValidator(type).parse(result);
  // Nobody gathers answers to an event any more; a message that was begun in time is always answered.
  if (type.kind === 'event' && isExpired(context.handling.event, context.runtime.clock.nowMs())) return;
  tellSender(context, replyTypeOf(type), data);
}

/** Sends something back to whoever waits for it, if anybody does. */
export function tellSender(context: EventHandlerContext, type: string, data: unknown): void {
  const { event: request, outgoing } = context.handling;
  const { contract, clock } = context.runtime;
  if (request.banyanreplyto === undefined) return;
  outgoing.push({
    event: createReply({
      service: contract.name,
      type,
      data,
      request,
      occurredAtMs: clock.nowMs(),
      traceparent: formatTraceparent(context.trace),
      caller: context.caller,
    }),
  });
}

import { dataValidator } from '@banyan/contract';
import { expiredType, isExpired, serviceOfEvent } from '@banyan/events';
import { callerNotAllowed } from './caller-not-allowed.ts';
import type { EventHandlerContext } from './event-context.ts';
import { parseData, receive, reply, tellSender } from './receiving.ts';
import type { Service } from './service.ts';
import type { Subscription } from './subscriptions.ts';

/** The messages that the service is told, by `@service.message`. */
export function messageSubscriptions(service: Service): ReadonlyMap<string, Subscription> {
  const subscriptions = new Map<string, Subscription>();
  for (const type of Object.values(service.contract.messages)) {
    const handler = service.messages[type.name];
    if (handler === undefined) continue;
    const validator = dataValidator(type);
    subscriptions.set(`@${type.service}.${type.name}`, {
      async run(context) {
        checkSender(context);
        if (isExpired(context.handling.event, context.runtime.clock.nowMs())) return drop(context);
        const event = await receive(context);
        const result = await handler(parseData(event, validator), context);
        if (type.reply !== undefined) reply(context, type, result);
      },
    });
  }
  return subscriptions;
}

/** Who may not call may not send: what reached the log by another way than a service's own `send` is set aside. */
function checkSender({ handling, runtime }: EventHandlerContext): void {
  const from = serviceOfEvent(handling.event);
  const to = runtime.contract.name;
  if (from !== to && !runtime.callers.has(from)) throw callerNotAllowed(from, to);
}

/** Handled by not handling it: its sender has said that it is of no use any more. A saga has to know that it never will be. */
function drop(context: EventHandlerContext): void {
  const { event, outgoing } = context.handling;
  if (event.banyansaga !== undefined) tellSender(context, expiredType, {});
  const { log, runtime } = context;
  outgoing.push({
    afterCommit() {
      log.info('a message expired before it was handled', { expiredAt: event.banyanexpires });
      runtime.messageMetrics.expired(event.banyanname);
    },
  });
}

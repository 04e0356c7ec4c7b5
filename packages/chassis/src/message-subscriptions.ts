import { dataValidator } from '@banyan/contract';
import { isExpired } from '@banyan/events';
import type { EventHandlerContext } from './event-context.ts';
import { parseData, receive, reply } from './receiving.ts';
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
        if (isExpired(context.handling.event, context.runtime.clock.nowMs())) return drop(context);
        const event = await receive(context);
        const result = await handler(parseData(event, validator), context);
        if (type.reply !== undefined) reply(context, type, result);
      },
    });
  }
  return subscriptions;
}

/** Handled by not handling it: its sender has said that it is of no use any more. */
function drop(context: EventHandlerContext): void {
  const { event, outgoing } = context.handling;
  const { log, runtime } = context;
  outgoing.push({
    afterCommit() {
      log.info('a message expired before it was handled', { expiredAt: event.banyanexpires });
      runtime.messageMetrics.expired(event.banyanname);
    },
  });
}

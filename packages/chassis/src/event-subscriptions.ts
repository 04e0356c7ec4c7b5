import { consumableEvents, dataValidator } from '@banyan/contract';
import { parseData, receive, reply } from './receiving.ts';
import type { Service } from './service.ts';
import type { Subscription } from './subscriptions.ts';

/** The service's consumers of events, by `service.event`. */
export function eventSubscriptions(service: Service): ReadonlyMap<string, Subscription> {
  const subscriptions = new Map<string, Subscription>();
  for (const [name, handler] of Object.entries(service.on)) {
    const [alias = '', eventName = ''] = name.split('.');
    const contract = alias === service.name ? service.contract : service.uses[alias];
    const type = contract && consumableEvents(contract)[eventName];
    if (type === undefined) continue;
    const validator = dataValidator(type);
    subscriptions.set(`${type.service}.${type.name}`, {
      async run(context) {
        const event =
          context.handling.event.dataref === undefined ? context.handling.event : await receive(context);
        const answer = await handler(parseData(event, validator), context);
        if (type.answer !== undefined && answer !== undefined) reply(context, type, answer);
      },
    });
  }
  return subscriptions;
}

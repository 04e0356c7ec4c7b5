import { dataValidator } from '@banyan/contract';
import type { EventHandler, Service } from './service.ts';

/** What a service does with the events of one topic. */
export interface Subscription {
  /** @throws ServiceError `invalid_argument` if the data does not fit the contract */
  readonly parse: (data: unknown) => unknown;
  readonly handler: EventHandler;
}

/** Topics that `service` listens to. */
export function topicsOf(service: Service): readonly string[] {
  return [...subscriptionsOf(service).keys()];
}

/** The service's consumers by topic (`service.event`). */
export function subscriptionsOf(service: Service): ReadonlyMap<string, Subscription> {
  const subscriptions = new Map<string, Subscription>();
  for (const [name, handler] of Object.entries(service.on)) {
    const [alias = '', eventName = ''] = name.split('.');
    const contract = alias === service.name ? service.contract : service.uses[alias];
    const type = contract?.events[eventName];
    if (type === undefined) continue;
    const validator = dataValidator(type);
    subscriptions.set(`${type.service}.${type.name}`, { parse: (data) => validator.parse(data), handler });
  }
  return subscriptions;
}

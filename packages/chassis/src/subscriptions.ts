import type { EventHandlerContext } from './event-context.ts';
import { eventSubscriptions } from './event-subscriptions.ts';
import { messageSubscriptions } from './message-subscriptions.ts';
import { replySubscriptions } from './reply-subscriptions.ts';
import type { Service } from './service.ts';

/** What a service does with the events, or the messages, of one topic. */
export interface Subscription {
  /**
   * Handles the one that `context` holds. Rejecting means "not handled".
   * @throws ServiceError `invalid_argument` if the data does not fit the contract
   */
  run(context: EventHandlerContext): Promise<void>;
}

/** Topics that `service` listens to, messages and replies to it among them. */
export function topicsOf(service: Service): readonly string[] {
  return [...subscriptionsOf(service).keys()];
}

/**
 * The service's consumers by topic: `payments.captured` for events, `@stock.reserve` for the messages that are addressed to it, `@orders.replies` for what
 * comes back to it.
 */
export function subscriptionsOf(service: Service): ReadonlyMap<string, Subscription> {
  return new Map([
    ...eventSubscriptions(service),
    ...messageSubscriptions(service),
    ...replySubscriptions(service),
  ]);
}

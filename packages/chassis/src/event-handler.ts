import { dataValidator, type EventType } from '@banyan/contract';
import { isServiceError, type Logger, type Sql } from '@banyan/core';
import { type CloudEvent, type Delivery, serviceOfEvent, userOfEvent } from '@banyan/events';
import { type CancellableCallContext, createCallContext } from '@banyan/rpc';
import { childTrace, createTrace, parseTraceparent } from '@banyan/telemetry';
import { createDeferredTransaction, type DeferredTransaction } from './deferred-transaction.ts';
import { createEmission } from './emission.ts';
import { HandlerContext, type ServiceRuntime } from './handler-context.ts';
import type { EventContext, EventHandler, Service, Uses } from './service.ts';

interface Subscription {
  readonly type: EventType;
  readonly handler: EventHandler;
}

/** Topics (`service.event`) that `service` listens to. */
export function topicsOf(service: Service): readonly string[] {
  return [...subscriptionsOf(service).keys()];
}

/**
 * What a consumer runs for each event: the service's `on` handler, with its `sql` and `emit` in one transaction that also marks the
 * event as handled.
 */
export function createEventHandler(
  service: Service,
  runtime: ServiceRuntime,
): (event: CloudEvent, delivery: Delivery) => Promise<void> {
  const subscriptions = subscriptionsOf(service);
  return async (event, delivery) => {
    const subscription = subscriptions.get(event.banyanname);
    // The consumer hands out subscribed topics only.
    if (subscription === undefined) return;
    const data = dataValidator(subscription.type).parse(event.data);
    const context = createEventCallContext(event, delivery);
    const cancel = () => {
      const { reason } = delivery.signal;
      context.cancel(isServiceError(reason) ? reason : undefined);
    };
    delivery.signal.addEventListener('abort', cancel, { once: true });
    const transaction = createDeferredTransaction(runtime.database, context.signal);
    const handling = new EventHandlerContext(runtime, context, { event, delivery, transaction });
    try {
      await subscription.handler(data, handling);
      await handling.commit();
    } catch (error) {
      await transaction.rollback(error);
      throw error;
    } finally {
      delivery.signal.removeEventListener('abort', cancel);
      context.end();
    }
  };
}

function subscriptionsOf(service: Service): Map<string, Subscription> {
  const subscriptions = new Map<string, Subscription>();
  for (const [name, handler] of Object.entries(service.on)) {
    const [alias = '', eventName = ''] = name.split('.');
    const contract = alias === service.name ? service.contract : service.uses[alias];
    const type = contract?.events[eventName];
    if (type !== undefined) subscriptions.set(`${type.service}.${type.name}`, { type, handler });
  }
  return subscriptions;
}

/** The context of whoever caused the event, carried on: same trace, same end user; the caller is the service that told of it. */
function createEventCallContext(event: CloudEvent, delivery: Delivery): CancellableCallContext {
  const cause = parseTraceparent(event.traceparent);
  const user = userOfEvent(event);
  const service = serviceOfEvent(event);
  return createCallContext({
    trace: cause === undefined ? createTrace() : childTrace(cause),
    caller: user === undefined ? { service } : { service, user },
    deadlineMs: delivery.deadlineMs,
    idempotencyKey: event.id,
  });
}

interface Handling {
  readonly event: CloudEvent;
  readonly delivery: Delivery;
  readonly transaction: DeferredTransaction;
}

class EventHandlerContext extends HandlerContext implements EventContext<never, Uses, unknown> {
  readonly #handling: Handling;
  readonly #emitted: CloudEvent[] = [];

  constructor(runtime: ServiceRuntime, context: CancellableCallContext, handling: Handling) {
    super(runtime, context);
    this.#handling = handling;
  }

  get sql(): Sql {
    return this.#handling.transaction.sql;
  }

  get emit(): (name: string, data: unknown) => void {
    const { contract, clock } = this.runtime;
    const { context } = this;
    const { event: cause } = this.#handling;
    return (name, data) => {
      this.#emitted.push(createEmission({ contract, clock, context, cause }, name, data));
    };
  }

  get event(): EventContext<never, Uses, unknown>['event'] {
    const { event, delivery } = this.#handling;
    return { id: event.id, type: event.type, occurredAt: event.time, attempt: delivery.attempt };
  }

  override get log(): Logger {
    return super.log.with({ eventId: this.#handling.event.id, topic: this.#handling.event.banyanname });
  }

  /** Records what was emitted and marks the event as handled, in the handler's own transaction. */
  async commit(): Promise<void> {
    const { outbox, onEmitted } = this.runtime;
    const { transaction, delivery } = this.#handling;
    await transaction.commit(async ({ sql, onCommit }) => {
      if (this.#emitted.length > 0) {
        await outbox.append(sql, this.#emitted);
        onCommit(onEmitted);
      }
      await delivery.complete(sql);
    });
  }
}

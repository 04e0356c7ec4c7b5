import { isServiceError } from '@banyan/core';
import { type CloudEvent, type Delivery, serviceOfEvent, topicOf, userOfEvent } from '@banyan/events';
import { type CancellableCallContext, createCallContext } from '@banyan/rpc';
import { childTrace, createTrace, endRejected, parseTraceparent, type Span } from '@banyan/telemetry';
import { createDeferredTransaction, type DeferredTransaction } from './deferred-transaction.ts';
import { EventHandlerContext } from './event-context.ts';
import type { ServiceRuntime } from './handler-context.ts';
import { type Outgoing, recordOutgoing } from './outgoing.ts';
import { within } from './service-spans.ts';
import type { Subscription } from './subscriptions.ts';

/**
 * What a consumer runs for one event: the service's handler, with its `sql` and `emit` in one transaction that also marks the event as
 * handled.
 */
export function createEventHandler(
  subscriptions: ReadonlyMap<string, Subscription>,
  runtime: ServiceRuntime,
): (event: CloudEvent, delivery: Delivery) => Promise<void> {
  return async (event, delivery) => {
    const subscription = subscriptions.get(topicOf(event));
    // The consumer hands out subscribed topics only.
    if (subscription === undefined) return;
    const span = runtime.spans?.events.handled(event, delivery.attempt);
    const context = createEventCallContext(event, delivery, span);
    const cancel = () => {
      const { reason } = delivery.signal;
      context.cancel(isServiceError(reason) ? reason : undefined);
    };
    delivery.signal.addEventListener('abort', cancel, { once: true });
    const transaction = createDeferredTransaction(runtime.database, context.signal, {
      observer: span && runtime.spans?.statements.observer(span),
    });
    const outgoing: Outgoing[] = [];
    const { attempt } = delivery;
    const handling = { event, attempt, sql: transaction.sql, outgoing };
    try {
      const own = new EventHandlerContext(runtime, context, handling);
      await within(runtime, span, () => subscription.run(own));
      await commit(runtime, { delivery, transaction, outgoing });
      span?.end();
    } catch (error) {
      await transaction.rollback(error);
      if (span !== undefined) endRejected(span, error);
      throw error;
    } finally {
      delivery.signal.removeEventListener('abort', cancel);
      context.end();
    }
  };
}

interface Outcome {
  readonly delivery: Delivery;
  readonly transaction: DeferredTransaction;
  readonly outgoing: readonly Outgoing[];
}

/** Records what was emitted and sent, and marks the event as handled, in the handler's own transaction. */
async function commit(runtime: ServiceRuntime, { delivery, transaction, outgoing }: Outcome): Promise<void> {
  await transaction.commit(async (open) => {
    await recordOutgoing(runtime, open, outgoing);
    await delivery.complete(open.sql);
  });
}

/** The context of whoever caused the event, carried on: same trace, same end user; the caller is the service that told of it. */
function createEventCallContext(
  event: CloudEvent,
  delivery: Delivery,
  span: Span | undefined,
): CancellableCallContext {
  const cause = parseTraceparent(event.traceparent);
  const user = userOfEvent(event);
  const service = serviceOfEvent(event);
  return createCallContext({
    trace: span ?? (cause === undefined ? createTrace() : childTrace(cause)),
    caller: user === undefined ? { service } : { service, user },
    deadlineMs: delivery.deadlineMs,
    idempotencyKey: event.id,
  });
}

import type { Contract, MetricsOf } from '@banyan/contract';
import type { CallContext, Logger, Sql } from '@banyan/core';
import { type CloudEvent, serviceOfEvent } from '@banyan/events';
import type { Audit } from './audit-trail.ts';
import { createEmission } from './emission.ts';
import { HandlerContext, type ServiceRuntime } from './handler-context.ts';
import type { MessageContext, ReplyContext, SendOptions } from './message-types.ts';
import type { Outgoing } from './outgoing.ts';
import type { SagaActions } from './saga-types.ts';
import { createSagaActions } from './sagas.ts';
import { createSending } from './sending.ts';
import type { EventContext, Uses } from './service-context.ts';
import { onceCommitted } from './service-metrics.ts';

/** The event that a handler is given, and the transaction that its effect belongs to. */
export interface Handling {
  readonly event: CloudEvent;
  /** 1 for the first delivery. */
  readonly attempt: number;
  readonly sql: Sql;
  /** What the handler emits and sends, to be recorded before the commit. */
  readonly outgoing: Outgoing[];
}

/**
 * What the handler of an event, a message or a reply receives beside the data. Its methods are getters, so that destructuring them keeps `this`.
 */
export class EventHandlerContext
  extends HandlerContext
  implements
    EventContext<never, Uses, unknown>,
    MessageContext<never, Uses, unknown>,
    ReplyContext<never, Uses, unknown>
{
  readonly handling: Handling;

  constructor(runtime: ServiceRuntime, context: CallContext, handling: Handling) {
    super(runtime, context);
    this.handling = handling;
  }

  get sql(): Sql {
    return this.handling.sql;
  }

  get emit(): (name: string, data: unknown) => void {
    const { runtime, context } = this;
    const { event: cause, outgoing } = this.handling;
    return (name, data) => {
      outgoing.push(createEmission({ runtime, context, cause }, name, data));
    };
  }

  get send(): (name: string, data: unknown, options?: SendOptions) => string {
    const { runtime, context } = this;
    const { event: cause, outgoing } = this.handling;
    return (name, data, options) => {
      const sending = createSending(runtime, context, { name, data, options, cause });
      outgoing.push(sending);
      return sending.event.id;
    };
  }

  /** Tells of what the event tells: when it happened, and who asked for it. */
  get audit(): Audit {
    const { runtime, context } = this;
    const { event, outgoing } = this.handling;
    const { caller } = context;
    const asked = { ...caller, service: event.banyancaller ?? caller.service };
    return (action, about) => {
      const record = runtime.audit.newRecord(action, context, { at: event.time, caller: asked, ...about });
      outgoing.push({ audit: record });
    };
  }

  get metrics(): MetricsOf<Contract> {
    return this.measured(onceCommitted(this.handling.outgoing));
  }

  get start(): SagaActions['start'] {
    return this.#sagaActions().start;
  }

  get signalSaga(): SagaActions['signalSaga'] {
    return this.#sagaActions().signalSaga;
  }

  get cancelSaga(): SagaActions['cancelSaga'] {
    return this.#sagaActions().cancelSaga;
  }

  #sagaActions(): SagaActions {
    return createSagaActions(this.runtime, this.context, this.handling.outgoing);
  }

  get event(): EventContext<never, Uses, unknown>['event'] {
    const { event, attempt } = this.handling;
    return { id: event.id, type: event.type, occurredAt: event.time, attempt };
  }

  get message(): MessageContext<never, Uses, unknown>['message'] {
    const { event, attempt } = this.handling;
    const { id, time: sentAt, banyanexpires: expiresAt } = event;
    return { id, from: serviceOfEvent(event), sentAt, expiresAt, attempt };
  }

  get reply(): ReplyContext<never, Uses, unknown>['reply'] {
    const { event, attempt } = this.handling;
    const { id, time: sentAt, banyanrequest: requestId = '' } = event;
    return { id, requestId, from: serviceOfEvent(event), sentAt, attempt };
  }

  /**
   * Says that the handler waits for something outside. A handler that shares its transaction with others is then ended, and runs again in one of its own:
   * this event, or every one of its topic.
   */
  leaveBatch(_howOften: 'once' | 'always'): void {}

  override get log(): Logger {
    return super.log.with({ eventId: this.handling.event.id, topic: this.handling.event.banyanname });
  }
}

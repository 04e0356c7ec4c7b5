import type { CallContext, Logger, Sql } from '@banyan/core';
import type { CloudEvent } from '@banyan/events';
import { createEmission } from './emission.ts';
import { HandlerContext, type ServiceRuntime } from './handler-context.ts';
import type { EventContext, Uses } from './service.ts';

/** The event that a handler is given, and the transaction that its effect belongs to. */
export interface Handling {
  readonly event: CloudEvent;
  /** 1 for the first delivery. */
  readonly attempt: number;
  readonly sql: Sql;
  /** What the handler emits, to be recorded before the commit. */
  readonly emitted: CloudEvent[];
}

/** What a consumer's handler receives beside the data. Its methods are getters, so that destructuring them keeps `this`. */
export class EventHandlerContext extends HandlerContext implements EventContext<never, Uses, unknown> {
  readonly handling: Handling;

  constructor(runtime: ServiceRuntime, context: CallContext, handling: Handling) {
    super(runtime, context);
    this.handling = handling;
  }

  get sql(): Sql {
    return this.handling.sql;
  }

  get emit(): (name: string, data: unknown) => void {
    const { contract, clock } = this.runtime;
    const { context } = this;
    const { event: cause, emitted } = this.handling;
    return (name, data) => {
      emitted.push(createEmission({ contract, clock, context, cause }, name, data));
    };
  }

  get event(): EventContext<never, Uses, unknown>['event'] {
    const { event, attempt } = this.handling;
    return { id: event.id, type: event.type, occurredAt: event.time, attempt };
  }

  override get log(): Logger {
    return super.log.with({ eventId: this.handling.event.id, topic: this.handling.event.banyanname });
  }
}

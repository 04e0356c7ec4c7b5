import { dataValidator, type EventType } from '@banyan/contract';
import type { CallContext } from '@banyan/core';
import { type CloudEvent, createEvent } from '@banyan/events';
import { activeBelow, formatTraceparent } from '@banyan/telemetry';
import type { ServiceRuntime } from './handler-context.ts';
import type { OutgoingEvent } from './outgoing.ts';

export interface EmissionOptions {
  readonly runtime: Pick<ServiceRuntime, 'contract' | 'clock' | 'spans'>;
  readonly context: CallContext;
  /** The event whose handling emits, if any: becomes `causationid`, and its correlation is passed on. */
  readonly cause?: CloudEvent;
}

/**
 * The event that `emit(name, data)` records: validated now, so that wrong data fails the transaction and not a consumer.
 * @throws TypeError if the contract has no such event
 */
export function createEmission(options: EmissionOptions, name: string, data: unknown): OutgoingEvent {
  const { runtime, context, cause } = options;
  const { contract, clock, spans } = runtime;
  const type: EventType | undefined = Object.hasOwn(contract.events, name)
    ? contract.events[name]
    : undefined;
  if (type === undefined) {
    const known = Object.keys(contract.events).join(', ') || 'none';
    throw new TypeError(`emit('${name}'): contract '${contract.name}' has no such event; it has ${known}.`);
  }
  const valid = dataValidator(type).parse(data) as Readonly<Record<string, unknown>>;
  const span = spans?.events.told(
    'publish',
    `${contract.name}.${name}`,
    activeBelow(context) ?? context.trace,
  );
  const event = createEvent({
    service: contract.name,
    name,
    type: type.type,
    key: String(valid[type.key]),
    data: valid,
    occurredAtMs: clock.nowMs(),
    traceparent: formatTraceparent(span ?? context.trace),
    caller: context.caller,
    cause,
  });
  if (span === undefined) return { event };
  spans?.events.describe(span, event);
  return { event, span };
}

import { type Contract, dataValidator, type EventType } from '@banyan/contract';
import type { CallContext, Clock } from '@banyan/core';
import { type CloudEvent, createEvent } from '@banyan/events';
import { formatTraceparent } from '@banyan/telemetry';

export interface EmissionOptions {
  readonly contract: Contract;
  readonly clock: Clock;
  readonly context: CallContext;
  /** The event whose handling emits, if any: becomes `causationid`, and its correlation is passed on. */
  readonly cause?: CloudEvent;
}

/**
 * The event that `emit(name, data)` records: validated now, so that wrong data fails the transaction and not a consumer.
 * @throws TypeError if the contract has no such event
 */
export function createEmission(options: EmissionOptions, name: string, data: unknown): CloudEvent {
  const { contract, clock, context, cause } = options;
  const type: EventType | undefined = Object.hasOwn(contract.events, name)
    ? contract.events[name]
    : undefined;
  if (type === undefined) {
    const known = Object.keys(contract.events).join(', ') || 'none';
    throw new TypeError(`emit('${name}'): contract '${contract.name}' has no such event; it has ${known}.`);
  }
  const valid = dataValidator(type).parse(data) as Readonly<Record<string, unknown>>;
  return createEvent({
    service: contract.name,
    name,
    type: type.type,
    key: String(valid[type.key]),
    data: valid,
    occurredAtMs: clock.nowMs(),
    traceparent: formatTraceparent(context.trace),
    caller: context.caller,
    cause,
  });
}

import { ServiceError } from '@banyan/core';
import { type CloudEvent, maxEventBytes } from '@banyan/events';
import type { ServiceRuntime } from './handler-context.ts';
import type { OutgoingEvent } from './outgoing.ts';

/** Room for the attributes of an event beside its data. */
const maxDataBytes = maxEventBytes - 16 * 1024;
/** Largest data of one event or message, in bytes of JSON. */
const maxClaimBytes = 64 * 1024 * 1024;
/** How long data that did not travel along can be fetched: as long as an inbox remembers that it handled an event. */
const keepMs = 7 * 24 * 3_600_000;
const scheme = 'banyan:claims/';

/** The events with data that is too large replaced by a reference. The data is stored before the transaction commits, so that it is there when the event is. */
export async function checkInClaims(
  { claims, clock }: Pick<ServiceRuntime, 'claims' | 'clock'>,
  events: readonly OutgoingEvent[],
): Promise<readonly OutgoingEvent[]> {
  const light: OutgoingEvent[] = [];
  for (const each of events) {
    const text = JSON.stringify(each.event.data);
    // Three bytes a UTF-16 unit at most: most events need no exact count.
    const isLarge = text.length * 3 > maxDataBytes && Buffer.byteLength(text) > maxDataBytes;
    if (!isLarge) {
      light.push(each);
      continue;
    }
    if (text.length > maxClaimBytes) throw tooLarge(each.event);
    const waitMs = Math.max(0, (each.dueAtMs ?? 0) - clock.nowMs());
    await claims.put({ id: each.event.id, text, keepMs: keepMs + waitMs });
    light.push({ ...each, event: { ...each.event, data: null, dataref: scheme + each.event.id } });
  }
  return light;
}

/**
 * The event with its data, as if that had travelled along.
 * @throws ServiceError `failed_precondition` `claim_expired` if it is not kept any more
 */
export async function checkOutClaim(
  { claims }: Pick<ServiceRuntime, 'claims'>,
  event: CloudEvent,
): Promise<CloudEvent> {
  if (event.dataref === undefined) return event;
  const text = event.dataref.startsWith(scheme)
    ? await claims.get(event.dataref.slice(scheme.length))
    : undefined;
  if (text === undefined) throw claimExpired(event);
  return { ...event, data: JSON.parse(text) };
}

function tooLarge({ type }: CloudEvent): ServiceError {
  return new ServiceError(
    `The data of ${type} is larger than ${maxClaimBytes} bytes: keep it elsewhere and send a link.`,
    { code: 'invalid_argument', reason: 'data_too_large' },
  );
}

function claimExpired({ type, dataref }: CloudEvent): ServiceError {
  return new ServiceError(
    `The data of ${type} is not kept any more: ${dataref} is older than seven days. Edit the dead letter to give it data, or discard it.`,
    { code: 'failed_precondition', reason: 'claim_expired' },
  );
}

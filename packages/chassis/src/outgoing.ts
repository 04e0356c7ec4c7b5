import type { NewAuditRecord } from '@banyan/audit';
import type { Transaction } from '@banyan/core';
import type { CloudEvent, NewRequest } from '@banyan/events';
import type { Sighting } from '@banyan/flow';
import type { NewSaga } from '@banyan/saga';
import type { Span } from '@banyan/telemetry';
import { checkInClaims } from './claim-check.ts';
import type { ServiceRuntime } from './handler-context.ts';
import { recordSagas, type SagaLetter } from './sagas.ts';

/** Something that is to happen if the transaction commits. */
export type Outgoing =
  | OutgoingEvent
  | { readonly afterCommit: () => void }
  | { readonly audit: NewAuditRecord }
  | { readonly saga: NewSaga }
  | { readonly sightings: readonly Sighting[] }
  | SagaLetter;

/** An event or a message, and what is remembered about its reply. */
export interface OutgoingEvent {
  readonly event: CloudEvent;
  /** Epoch milliseconds; not published before. */
  readonly dueAtMs?: number | undefined;
  readonly request?: NewRequest | undefined;
  /** Of its telling; ends with the commit, and is never seen if there is none. */
  readonly span?: Span | undefined;
}

/**
 * Records everything in the transaction, as its last statements but for the consumer's own. In a concurrent transaction it does not wait for the answer
 * to the last one.
 */
export async function recordOutgoing(
  runtime: ServiceRuntime,
  { sql, onCommit }: Pick<Transaction, 'sql' | 'onCommit'>,
  outgoing: readonly Outgoing[],
): Promise<void> {
  const events: OutgoingEvent[] = [];
  const started: NewSaga[] = [];
  const letters: SagaLetter[] = [];
  const sightings: Sighting[] = [];
  const audits: NewAuditRecord[] = [];
  for (const each of outgoing) {
    if ('event' in each) events.push(each);
    else if ('saga' in each) started.push(each.saga);
    else if ('letter' in each) letters.push(each);
    else if ('sightings' in each) sightings.push(...each.sightings);
    else if ('audit' in each) audits.push(each.audit);
    else onCommit(each.afterCommit);
  }
  if (started.length + letters.length > 0) {
    await recordSagas(runtime.sagas, { sql, onCommit }, { started, letters });
  }
  if (audits.length > 0) await runtime.audit.append({ sql, onCommit }, audits);
  if (sightings.length > 0) await runtime.flows.record({ sql, onCommit }, sightings);
  if (events.length === 0) return;
  const requests = events.map(({ request }) => request).filter((request) => request !== undefined);
  if (requests.length > 0) await runtime.requests.open(sql, requests);
  const light = await checkInClaims(runtime, events);
  for (const [dueAtMs, group] of Map.groupBy(light, (each) => each.dueAtMs)) {
    const batch = group.map(({ event }) => event);
    await handOver(runtime.outbox.append(sql, batch, dueAtMs === undefined ? undefined : { dueAtMs }));
  }
  onCommit(runtime.onEmitted);
  if (runtime.spans !== undefined)
    onCommit(() => {
      for (const { span } of events) span?.end();
    });
}

/**
 * Resolves when the statement of `appending` is on its way: in a concurrent transaction the commit goes right behind it, and fails with its error.
 * What fails before anything is sent (an event that cannot be encoded) would let the commit pass: that rejects here.
 */
async function handOver(appending: Promise<void>): Promise<void> {
  await Promise.race([appending, Promise.resolve().then(() => undefined)]);
  appending.catch(() => {});
}

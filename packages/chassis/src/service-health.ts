import { isServiceError } from '@banyan/core';
import type { ServiceStore } from './engines.ts';
import { type EventFlow, toEventHealth } from './event-flow.ts';
import type { ReaderWatch } from './reader-watch.ts';
import type { Service } from './service.ts';
import { type ServiceFlows, toFlowHealth } from './service-flows.ts';
import { type ServiceSagas, toSagaHealth } from './service-sagas.ts';
import type { PartHealth } from './system.ts';

/** What a service without a database does not have. */
export interface HealthParts {
  readonly store: ServiceStore | undefined;
  readonly flow: EventFlow | undefined;
  readonly sagas: ServiceSagas | undefined;
  readonly readers: ReaderWatch | undefined;
  readonly flows: ServiceFlows | undefined;
}

const readinessTimeoutMs = 2_000;

export async function checkHealth(
  service: Service,
  { store, flow, sagas, readers, flows }: HealthParts,
  config: unknown,
): Promise<PartHealth> {
  try {
    await store?.ping();
    await service.readiness?.({ config, signal: AbortSignal.timeout(readinessTimeoutMs) });
    const events = flow?.lastStatus;
    const standing = sagas?.lastStanding;
    const reading = readers?.lastHealth;
    return {
      part: service.name,
      ready: true,
      ...(events === undefined ? undefined : { events: toEventHealth(events) }),
      ...(standing === undefined ? undefined : { sagas: toSagaHealth(standing) }),
      ...(reading === undefined ? undefined : { readers: reading }),
      ...(flows === undefined ? undefined : { flows: toFlowHealth(flows.standings) }),
    };
  } catch (error) {
    const reason = isServiceError(error) ? error.message : 'what it stands on does not answer';
    return { part: service.name, ready: false, reason };
  }
}

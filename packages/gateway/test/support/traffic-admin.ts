import { createTrafficAdmin, type TrafficAdmin } from '@banyan/gateway';
import type { TestSystem } from '@banyan/testing';
import { cameras } from './cameras.ts';

export const reason = { by: 'ada', why: 'test' };

export function adminOf({ documents }: Pick<TestSystem, 'documents'>): TrafficAdmin {
  return createTrafficAdmin({ documents, routes: cameras.gateway?.routes ?? [] });
}

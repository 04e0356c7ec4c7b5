import type { Operation } from '@banyan/contract';

/** True if the fields that are not in the path travel in a JSON body; else they travel in the query. */
export function takesJsonBody({ method, upload }: Operation): boolean {
  return upload === undefined && method !== 'GET' && method !== 'DELETE';
}

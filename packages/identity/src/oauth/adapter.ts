import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import type { Payload, RecordStore } from './record-store.ts';

/** The store of `oidc-provider`, on ours. @param records that of the request being answered */
export function createAdapter(kind: string, records: () => RecordStore): Adapter {
  return {
    async upsert(id, payload, lifetimeS) {
      // Only what never ends has no lifetime, and nothing of that kind is made here.
      if (lifetimeS === undefined) throw new TypeError(`A record of ${kind} needs a lifetime.`);
      await records().upsert(kind, id, payload as Payload, lifetimeS);
    },
    find: async (id) => (await records().find(kind, id)) as AdapterPayload | undefined,
    findByUid: async (uid) => (await records().findByUid(kind, uid)) as AdapterPayload | undefined,
    // Of the device flow, which is not offered.
    findByUserCode: async () => undefined,
    async consume(id) {
      if (!(await records().consume(kind, id))) throw new errors.InvalidGrant('used at the same time');
    },
    destroy: (id) => (kind === 'Grant' ? records().endGrant(id) : records().destroy(kind, id)),
    revokeByGrantId: (grantId) => records().endGrant(grantId),
  };
}

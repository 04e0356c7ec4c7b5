import type { Clock } from '@banyan/core';
import type { ClaimStore } from '../claim-store.ts';

/** Claims in memory, for unit tests: nothing survives the process. */
export function createMemoryClaimStore(clock: Clock): ClaimStore {
  const claims = new Map<string, { readonly text: string; expiresAtMs: number }>();
  return {
    async put({ id, text, keepMs }) {
      const nowMs = clock.nowMs();
      for (const [other, { expiresAtMs }] of claims)
        if (other !== id && expiresAtMs <= nowMs) claims.delete(other);
      const known = claims.get(id);
      if (known === undefined) claims.set(id, { text, expiresAtMs: nowMs + keepMs });
      else known.expiresAtMs = Math.max(known.expiresAtMs, nowMs + keepMs);
    },
    async get(id) {
      const claim = claims.get(id);
      return claim !== undefined && claim.expiresAtMs > clock.nowMs() ? claim.text : undefined;
    },
  };
}

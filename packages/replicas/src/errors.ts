import type { ErrorTable } from '@banyan/core';

/** Every `reason` that this package gives, with its code. */
export const replicasErrors = {
  replica_behind: {
    code: 'unavailable',
    text: 'The replica is new and has not caught up with its peers yet; ask another one, or later.',
  },
  replica_gap: {
    code: 'unavailable',
    text: 'A change of a peer came before an earlier one; it is delivered again.',
  },
} as const satisfies ErrorTable;

import type { ServiceError } from '@banyan/banyan';

/** Every `reason` that this package gives beside the refusals of its contracts, with its code. */
export const identityErrors = {
  damaged_backup: {
    code: 'data_loss',
    text: 'A back-up of passwords is not what was written; nothing of it is used.',
  },
  key_missing: {
    code: 'internal',
    text: 'Stored data needs a secret that this instance does not have; set the variable that ends in `_KEYS`.',
  },
  no_such_backup: { code: 'not_found', text: 'There is no back-up of passwords with this id.' },
  not_signed_in: {
    code: 'unauthenticated',
    text: 'The operation is about an own account, and nobody is signed in.',
  },
  sealed_value_damaged: {
    code: 'data_loss',
    text: 'An encrypted value was changed, or stands in another place than it was written for.',
  },
  submission_key_missing: {
    code: 'unavailable',
    text: 'In the choreographed form, `passwords` has not been heard of yet, or for long.',
  },
} as const satisfies Record<string, { readonly code: ServiceError['code']; readonly text: string }>;

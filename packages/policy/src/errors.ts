import type { ErrorTable } from '@banyan/core';

export const policyErrors = {
  invalid_policies: {
    code: 'invalid_argument',
    text: 'A policy document is refused as a whole: it has a mistake, or names what the contracts do not have.',
  },
} as const satisfies ErrorTable;

import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';

export const Transfer = z.object({
  transferId: z.string().min(1).max(60),
  /** An account of the northern bank. */
  from: z.string(),
  /** An account of the southern bank. */
  to: z.string(),
  cents: z.int().min(1),
});

const state = z.enum(['pending', 'done', 'refused']);

export const transfers = contract('transfers', {
  version: '1.0.0',
  operations: {
    transfer: operation('POST /transfers', { input: Transfer, output: z.object({ state }) }),
    getTransfer: operation('GET /transfers/:transferId', {
      input: Transfer.pick({ transferId: true }),
      output: z.object({ state: state.optional() }),
    }),
  },
});

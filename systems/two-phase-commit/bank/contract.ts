import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';

const Movement = z.object({ account: z.string().min(1).max(60), cents: z.int().min(1) });
const Balance = z.object({ cents: z.int() });

/** What each bank can do, by itself and at once. */
const operations = {
  openAccount: operation('POST /accounts', { input: Movement, output: Balance }),
  getBalance: operation('GET /accounts/:account', {
    input: Movement.pick({ account: true }),
    output: Balance,
  }),
  withdraw: operation('POST /withdrawals', {
    input: Movement,
    output: Balance,
    errors: { insufficientFunds: { status: 409 } },
  }),
  deposit: operation('POST /deposits', {
    input: Movement,
    output: Balance,
    errors: { accountUnknown: { status: 404 } },
  }),
};

export const north = contract('north', { version: '1.0.0', operations });
export const south = contract('south', { version: '1.0.0', operations });

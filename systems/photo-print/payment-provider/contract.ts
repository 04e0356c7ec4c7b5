import { contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Money } from '../vocabulary/money.ts';
import { Id, lineOfText } from '../vocabulary/text.ts';

/** A provider's stand-in for a card or a wallet payment. Never a card number: those must not even come near us. */
export const PaymentToken = z
  .string()
  .regex(
    /^(?![\d -]{12,}$)[A-Za-z0-9_-]{3,200}$/,
    'must be a token of the payment provider, not a card number',
  );

/** How one attempt to take money ended. */
export const Charge = z.object({
  chargeId: Id,
  /** Ours, for their books. */
  reference: z.string(),
  amount: Money,
  status: z.enum(['captured', 'declined']),
  declineReason: z.string().optional(),
});
export type Charge = z.infer<typeof Charge>;

const Reference = lineOfText(100);

/** What we need of a payment provider. The development stand-in keeps it; an adapter to a real one would keep the same. */
export const paymentProvider = contract('payment-provider', {
  version: '1.0.0',
  description: 'Takes money from cards and wallets.',
  operations: {
    charge: operation('POST /provider/charges', {
      summary: 'Takes money once per idempotency key, which is required; repeating it tells how it ended.',
      input: z.object({ reference: Reference, amount: Money, token: PaymentToken }),
      output: Charge,
      errors: { idempotencyKeyMissing: { status: 400 } },
    }),
    cancelCharge: operation('POST /provider/cancellations', {
      summary: 'Gives back what was taken for a reference, and refuses every later charge for it.',
      input: z.object({ reference: Reference }),
      output: z.object({ refunded: Money.optional() }),
      idempotent: true,
    }),
    listCharges: operation('GET /provider/charges', {
      summary: "The provider's books: what it really took and gave back for a reference.",
      input: z.object({ reference: Reference }),
      output: z.object({ charges: z.array(Charge.extend({ refunded: z.boolean() })) }),
    }),
  },
  events: {
    settled: event('ChargeSettled', {
      data: Charge,
      key: 'reference',
      description: 'The same outcome that `charge` answers, told again; maybe more than once.',
    }),
  },
});

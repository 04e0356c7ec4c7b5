import { contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { PaymentToken } from '../payment-provider/contract.ts';
import { Money } from '../vocabulary/money.ts';
import { Id, lineOfText, Timestamp } from '../vocabulary/text.ts';

/** How a customer pays: with a card registered earlier, or with what their telephone's wallet handed out. */
export const PaymentMethod = z.discriminatedUnion('method', [
  z.object({ method: z.literal('card'), cardToken: Id }),
  z.object({ method: z.literal('wallet'), walletToken: PaymentToken }),
]);
export type PaymentMethod = z.infer<typeof PaymentMethod>;

const Card = z.object({ cardToken: Id, label: z.string(), registeredAt: Timestamp });

const Outcome = z.object({ orderId: Id, amount: Money });

export const payments = contract('payments', {
  version: '1.0.0',
  description: 'Takes the money for each order once, and gives it back when the order is cancelled.',
  operations: {
    registerCard: operation('POST /cards', {
      summary: "Keeps a card for later orders, as the payment provider's token for it.",
      input: z.object({ token: PaymentToken, label: lineOfText(60).default('Card') }),
      output: Card,
      status: 201,
    }),
    listCards: operation('GET /cards', {
      input: z.object({}),
      output: z.object({ cards: z.array(Card) }),
    }),
  },
  events: {
    requested: event('PaymentRequested', {
      data: Outcome.extend({ paymentId: Id, providerToken: PaymentToken }),
      // Not the order: its cancellation must not wait behind a provider that hangs.
      key: 'paymentId',
      description: 'Money is to be taken; nothing has been taken yet.',
    }),
    captured: event('PaymentCaptured', { data: Outcome, key: 'orderId' }),
    declined: event('PaymentDeclined', { data: Outcome.extend({ reason: z.string() }), key: 'orderId' }),
    refunded: event('PaymentRefunded', { data: Outcome, key: 'orderId' }),
  },
});

import { type Sql, service } from '@banyan/banyan';
import { orders } from '../orders/contract.ts';
import { paymentProvider } from '../payment-provider/contract.ts';
import { customerOf } from '../vocabulary/customer.ts';
import { type PaymentMethod, payments } from './contract.ts';
import { recordOutcome } from './record-outcome.ts';

interface Card {
  readonly cardToken: string;
  readonly label: string;
  readonly registeredAt: string;
}

/** Longest wait for the provider; after it the charge may have been made, and is asked for again under the same key. */
const chargeTimeoutMs = 5_000;

export const paymentsService = service(payments, {
  uses: { orders, paymentProvider },
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async registerCard({ token, label }, { caller, sql }) {
      const [card] = await sql<Card>`
        insert into cards (customer_id, provider_token, label) values (${customerOf(caller)}, ${token}, ${label})
        returning card_token, label, registered_at`;
      if (card === undefined) throw new Error('The card was not stored.');
      return card;
    },

    async listCards(_input, { caller, sql }) {
      const cards = await sql<Card>`
        select card_token, label, registered_at from cards
        where customer_id = ${customerOf(caller)} order by card_token`;
      return { cards };
    },
  },
  on: {
    // In two steps, so that no transaction is open while the provider takes its time: first note what is to be taken …
    'orders.placed': async ({ orderId, customerId, total, payment }, { sql, emit }) => {
      const providerToken = await providerTokenOf(payment, customerId, sql);
      const status = providerToken === undefined ? 'declined' : 'requested';
      const [noted] = await sql<{ paymentId: string }>`
        insert into payments (order_id, status) values (${orderId}, ${status})
        on conflict (order_id) do nothing
        returning payment_id`;
      // Something is there already: the order was cancelled, and nothing may be taken.
      if (noted === undefined) return;
      if (providerToken === undefined) {
        emit('declined', { orderId, amount: total, reason: 'unknown_card' });
      } else {
        emit('requested', { ...noted, orderId, amount: total, providerToken });
      }
    },

    // … then take it. If this dies or times out after the charge, it runs again, and the key makes it the same charge.
    'payments.requested': async ({ orderId, amount, providerToken }, { call, sql, emit, log }) => {
      const charge = await call.paymentProvider.charge(
        { reference: orderId, amount, token: providerToken },
        { idempotencyKey: orderId, timeoutMs: chargeTimeoutMs },
      );
      await recordOutcome(charge, { sql, emit, log });
    },

    'paymentProvider.settled': recordOutcome,

    'orders.cancelled': async ({ orderId }, { call, sql, emit }) => {
      // Also closes the order at the provider, so that a charge that is still on its way there finds the door shut.
      const { refunded } = await call.paymentProvider.cancelCharge({ reference: orderId });
      const status = refunded === undefined ? 'cancelled' : 'refunded';
      await sql`
        insert into payments (order_id, status) values (${orderId}, ${status})
        on conflict (order_id) do update set status = excluded.status, changed_at = now()`;
      if (refunded !== undefined) emit('refunded', { orderId, amount: refunded });
    },
  },
});

async function providerTokenOf(
  payment: PaymentMethod,
  customerId: string,
  sql: Sql,
): Promise<string | undefined> {
  if (payment.method === 'wallet') return payment.walletToken;
  const [card] = await sql<{ providerToken: string }>`
    select provider_token from cards where card_token = ${payment.cardToken} and customer_id = ${customerId}`;
  return card?.providerToken;
}

import { ServiceError, service } from '@banyan/banyan';
import { behaviourOf } from './behaviour.ts';
import { paymentProvider } from './contract.ts';
import { bookCharge, chargesOf, closeReference } from './ledger.ts';

/** Stands in for a payment provider while developing and testing. It behaves, or misbehaves, as the token says. */
export const paymentProviderService = service(paymentProvider, {
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async charge({ reference, amount, token }, { sql, tx, signal, idempotencyKey, fail }) {
      if (idempotencyKey === undefined) return fail('idempotencyKeyMissing');
      const [attempts] = await sql<{ count: number }>`
        insert into attempts (idempotency_key, count) values (${idempotencyKey}, 1)
        on conflict (idempotency_key) do update set count = attempts.count + 1
        returning count`;
      const behaviour = behaviourOf(token, idempotencyKey, attempts?.count ?? 1);

      if (behaviour.hangs) await aborted(signal);
      if (behaviour.failsBefore) throw outOfOrder();
      const charge = await tx((open) =>
        bookCharge(idempotencyKey, { reference, amount }, { ...open, behaviour }),
      );
      if (behaviour.failsAfter) throw outOfOrder();
      return charge;
    },

    async cancelCharge({ reference }, { tx }) {
      const refunded = await tx(({ sql }) => closeReference(sql, reference));
      return refunded === undefined ? {} : { refunded };
    },

    async listCharges({ reference }, { sql }) {
      return { charges: await chargesOf(sql, reference) };
    },
  },
});

function outOfOrder(): ServiceError {
  return new ServiceError('The payment provider is out of order.', {
    code: 'unavailable',
    reason: 'provider_out_of_order',
  });
}

/** Rejects when the caller has gone; nothing else ever ends it. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

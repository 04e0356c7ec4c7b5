import type { Logger, Tx } from '@banyan/banyan';
import type { Charge } from '../payment-provider/contract.ts';
import type { payments } from './contract.ts';

type Context = Pick<Tx<typeof payments>, 'sql' | 'emit'> & { readonly log: Logger };

/**
 * Records how a charge ended, at the first time of hearing. The provider answers and also tells by event, now and then twice:
 * all of it ends here, and only a payment that is still open changes.
 */
export async function recordOutcome(charge: Charge, { sql, emit, log }: Context): Promise<void> {
  const { reference: orderId, amount, declineReason = null } = charge;
  const changed = await sql`
    update payments
    set status = ${charge.status}, charge_id = ${charge.chargeId}, decline_reason = ${declineReason}, changed_at = now()
    where order_id = ${orderId} and status = 'requested'
    returning order_id`;
  if (changed.length === 0) {
    log.debug('The outcome is known already.', { orderId, status: charge.status });
  } else if (charge.status === 'captured') {
    emit('captured', { orderId, amount });
  } else {
    emit('declined', { orderId, amount, reason: declineReason ?? 'declined' });
  }
}

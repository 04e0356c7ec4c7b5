import type { Sql, Tx } from '@banyan/banyan';
import type { Money } from '../vocabulary/money.ts';
import type { Behaviour } from './behaviour.ts';
import type { Charge, paymentProvider } from './contract.ts';

interface Entry {
  readonly chargeId: string;
  readonly reference: string;
  readonly amount: number;
  readonly currency: string;
  readonly declineReason: string | null;
  readonly refundedAt: string | null;
}

export interface ChargeRequest {
  readonly reference: string;
  readonly amount: Money;
}

/** Books a charge once per key. @returns the outcome, of this or of the earlier request with the same key */
export async function bookCharge(
  key: string,
  { reference, amount }: ChargeRequest,
  { sql, emit, behaviour }: Pick<Tx<typeof paymentProvider>, 'sql' | 'emit'> & { behaviour: Behaviour },
): Promise<Charge> {
  await lockReference(sql, reference);
  const [closed] = await sql`select 1 from closed_references where reference = ${reference}`;
  const declineReason = closed === undefined ? (behaviour.declineReason ?? null) : 'cancelled';
  const [booked] = await sql<Entry>`
    insert into charges (idempotency_key, reference, amount, currency, decline_reason)
    values (${key}, ${reference}, ${amount.amount}, ${amount.currency}, ${declineReason})
    on conflict (idempotency_key) do nothing
    returning *`;
  if (booked !== undefined) {
    const charge = toCharge(booked);
    for (let count = 0; count < behaviour.settlements; count += 1) emit('settled', charge);
    return charge;
  }
  const [earlier] = await sql<Entry>`select * from charges where idempotency_key = ${key}`;
  if (earlier === undefined) throw new Error('The ledger lost an entry.');
  return toCharge(earlier);
}

/** Gives back what was captured for a reference and closes it. @returns what was given back, now or earlier */
export async function closeReference(sql: Sql, reference: string): Promise<Money | undefined> {
  await lockReference(sql, reference);
  await sql`insert into closed_references (reference) values (${reference}) on conflict do nothing`;
  const [refunded] = await sql<Entry>`
    update charges set refunded_at = coalesce(refunded_at, now())
    where reference = ${reference} and decline_reason is null
    returning *`;
  return refunded && { amount: refunded.amount, currency: refunded.currency };
}

export async function chargesOf(sql: Sql, reference: string): Promise<(Charge & { refunded: boolean })[]> {
  const entries = await sql<Entry>`select * from charges where reference = ${reference} order by charge_id`;
  return entries.map((entry) => ({ ...toCharge(entry), refunded: entry.refundedAt !== null }));
}

/** A charge and a cancellation of one reference wait for each other, so that neither misses what the other did. */
async function lockReference(sql: Sql, reference: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${reference}, 0))`;
}

function toCharge({ chargeId, reference, amount, currency, declineReason }: Entry): Charge {
  return {
    chargeId,
    reference,
    amount: { amount, currency },
    status: declineReason === null ? 'captured' : 'declined',
    ...(declineReason === null ? undefined : { declineReason }),
  };
}

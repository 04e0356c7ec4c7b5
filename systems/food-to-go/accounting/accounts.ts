import type { Sql } from '@banyan/banyan';
import type { Money } from '../vocabulary/money.ts';
import type { Account, Card, DeclineReason } from './contract.ts';

interface Row {
  readonly consumerId: string;
  readonly card: Card | null;
  readonly limit: number;
  /** Of the limit. */
  readonly currency: string;
}

/** Opens the account of a consumer, unless there is one. */
export async function openAccount(sql: Sql, consumerId: string, limit: Money): Promise<void> {
  await sql`
    insert into accounts (consumer_id, "limit", currency)
    values (${consumerId}, ${limit.amount}, ${limit.currency}) on conflict do nothing`;
}

/** Undefined if there is no account. */
export async function setLimit(sql: Sql, consumerId: string, limit: Money): Promise<Account | undefined> {
  await sql`
    update accounts set "limit" = ${limit.amount}, currency = ${limit.currency} where consumer_id = ${consumerId}`;
  return findAccount(sql, consumerId);
}

export async function setCard(sql: Sql, consumerId: string, card: Card): Promise<Account> {
  await sql`update accounts set card = ${sql.json(card)} where consumer_id = ${consumerId}`;
  const account = await findAccount(sql, consumerId);
  if (account === undefined) throw new Error('There is no account to put the card in.');
  return account;
}

export async function findAccount(sql: Sql, consumerId: string): Promise<Account | undefined> {
  const [row] =
    await sql<Row>`select consumer_id, card, "limit", currency from accounts where consumer_id = ${consumerId}`;
  if (row === undefined) return undefined;
  const authorized = await sql<Money>`
    select sum(amount)::int8 as amount, currency from authorizations
    where consumer_id = ${consumerId} and status = 'authorized' group by currency order by currency`;
  const { card, currency } = row;
  const limit = { amount: row.limit, currency };
  return { consumerId, limit, authorized, ...(card !== null && { card }) };
}

/**
 * Why an account is not good for so much more, if it is not. Locks it: what is authorized at one time in the currency of its limit adds up.
 */
export async function findObstacle(
  sql: Sql,
  consumerId: string,
  more: { readonly amount: Money; readonly now: Date },
): Promise<DeclineReason | undefined> {
  const [row] = await sql<Row>`
    select consumer_id, card, "limit", currency from accounts where consumer_id = ${consumerId} for update`;
  if (row === undefined || row.card === null) return 'noCard';
  // 'YYYY-MM' sorts as it counts.
  if (row.card.expires < more.now.toISOString().slice(0, 7)) return 'cardExpired';
  const { limit, currency } = row;
  if (more.amount.currency !== currency) return 'otherCurrency';
  const [used] = await sql<{ amount: number }>`
    select coalesce(sum(amount), 0)::int8 as amount from authorizations
    where consumer_id = ${consumerId} and status = 'authorized' and currency = ${currency}`;
  return (used?.amount ?? 0) + more.amount.amount > limit ? 'limitExceeded' : undefined;
}

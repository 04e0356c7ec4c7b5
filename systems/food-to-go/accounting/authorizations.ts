import type { Sql } from '@banyan/banyan';
import type { Money } from '../vocabulary/money.ts';
import { findObstacle } from './accounts.ts';
import type { DeclineReason } from './contract.ts';

/** Money set aside for an order. */
export interface Authorization {
  readonly orderId: string;
  readonly consumerId: string;
  readonly amount: Money;
  readonly status: 'authorized' | 'reversed';
  readonly revision: number;
  /** RFC 3339. */
  readonly changedAt: string;
}

type Row = Omit<Authorization, 'amount'> & { readonly amount: number; readonly currency: string };

/** `isChanged` is false if the wish had been fulfilled before. */
export interface Granted {
  readonly authorization: Authorization;
  readonly isChanged: boolean;
}

export interface Declined {
  readonly declined: DeclineReason;
}

export interface AuthorizationRequest {
  readonly orderId: string;
  readonly consumerId: string;
  readonly amount: Money;
}

/** Sets money aside for an order, once. */
export async function authorize(
  sql: Sql,
  { orderId, consumerId, amount }: AuthorizationRequest,
): Promise<Granted | Declined> {
  const earlier = await findAuthorization(sql, orderId);
  if (earlier !== undefined) return { authorization: earlier, isChanged: false };
  const obstacle = await findObstacle(sql, consumerId, { amount, now: new Date() });
  if (obstacle !== undefined) return { declined: obstacle };
  const [row] = await sql<Row>`
    insert into authorizations (order_id, consumer_id, amount, currency, status)
    values (${orderId}, ${consumerId}, ${amount.amount}, ${amount.currency}, 'authorized') returning *`;
  return record(sql, row);
}

/** Gives it all back. Undefined if there is none. */
export async function reverse(sql: Sql, orderId: string): Promise<Granted | undefined> {
  const [found] = await sql<Row>`select * from authorizations where order_id = ${orderId} for update`;
  if (found === undefined) return undefined;
  if (found.status === 'reversed') return { authorization: toAuthorization(found), isChanged: false };
  const [row] = await sql<Row>`
    update authorizations set amount = 0, status = 'reversed', revision = revision + 1, changed_at = clock_timestamp()
    where order_id = ${orderId} returning *`;
  return record(sql, row);
}

/** Sets more aside, or less. More must be good, less always is. Undefined if there is none that could be revised. */
export async function revise(
  sql: Sql,
  orderId: string,
  amount: Money,
): Promise<Granted | Declined | undefined> {
  const [found] = await sql<Row>`select * from authorizations where order_id = ${orderId} for update`;
  if (found === undefined || found.status === 'reversed') return undefined;
  if (found.currency !== amount.currency) throw new RangeError('An authorization keeps its currency.');
  if (amount.amount > found.amount) {
    const more = { ...amount, amount: amount.amount - found.amount };
    const obstacle = await findObstacle(sql, found.consumerId, { amount: more, now: new Date() });
    if (obstacle !== undefined) return { declined: obstacle };
  }
  const [row] = await sql<Row>`
    update authorizations set amount = ${amount.amount}, revision = revision + 1, changed_at = clock_timestamp()
    where order_id = ${orderId} returning *`;
  return record(sql, row);
}

export async function findAuthorization(sql: Sql, orderId: string): Promise<Authorization | undefined> {
  const [row] = await sql<Row>`select * from authorizations where order_id = ${orderId}`;
  return row && toAuthorization(row);
}

/** What events say of it. */
export function newsOf({ orderId, consumerId, amount, revision, changedAt }: Authorization) {
  return { orderId, consumerId, amount, revision, at: changedAt };
}

/** Every amount that was authorized for an order, oldest first. */
export async function findHistory(
  sql: Sql,
  { orderId, amount: { currency } }: Authorization,
): Promise<{ amount: Money; at: string }[]> {
  const rows = await sql<{ amount: number; at: string }>`
    select amount, at from authorization_changes where order_id = ${orderId} order by revision`;
  return rows.map(({ amount, at }) => ({ amount: { amount, currency }, at }));
}

async function record(sql: Sql, row: Row | undefined): Promise<Granted> {
  if (row === undefined) throw new Error('The authorization was not stored.');
  const { orderId, revision, amount, changedAt } = row;
  await sql`
    insert into authorization_changes (order_id, revision, amount, at)
    values (${orderId}, ${revision}, ${amount}, ${changedAt})`;
  return { authorization: toAuthorization(row), isChanged: true };
}

function toAuthorization({ amount, currency, ...row }: Row): Authorization {
  const { orderId, consumerId, status, revision, changedAt } = row;
  return { orderId, consumerId, amount: { amount, currency }, status, revision, changedAt };
}

import type { OutputOf, Sql, Tx } from '@banyan/banyan';
import type { accounting } from '../accounting/contract.ts';
import type { consumers } from '../consumers/contract.ts';
import type { orders } from '../orders/contract.ts';
import type { kitchen } from './contract.ts';
import { tellOf, tellOfConfirmed, tellOfNew } from './news.ts';
import { changeTicket, createTicket, type NewTicket } from './tickets.ts';

type OrderCreated = OutputOf<typeof orders.events.created.data>;
type ConsumerVerified = OutputOf<typeof consumers.events.verified.data>;
type CardAuthorized = OutputOf<typeof accounting.events.cardAuthorized.data>;
type CardRefused = OutputOf<typeof accounting.events.cardRefused.data>;
type Context = Pick<Tx<typeof kitchen>, 'sql' | 'emit'>;

const coordination = 'choreography';

/**
 * The part of this service in a choreographed order. An order that was placed, by a consumer who may, gets a ticket; what becomes of the card decides what
 * becomes of the ticket.
 */
export const choreography = {
  async 'orders.created'(order: OrderCreated, context: Context) {
    if (order.coordination !== coordination) return;
    const { orderId, restaurant, lineItems } = order;
    const lines = lineItems.map(({ menuItemId, quantity }) => ({ menuItemId, quantity }));
    const { restaurantId, revision: menuRevision } = restaurant;
    await expect(context, orderId, { wanted: { orderId, restaurantId, menuRevision, lines } });
  },

  async 'consumers.verified'({ orderId, ...verified }: ConsumerVerified, context: Context) {
    if (verified.coordination === coordination) await expect(context, orderId, { isVerified: true });
  },

  async 'accounting.cardAuthorized'({ orderId, ...card }: CardAuthorized, { sql, emit }: Context) {
    if (card.coordination !== coordination) return;
    const confirmed = await changeTicket(sql, { orderId }, 'confirmCreate');
    if (confirmed.result === 'changed') tellOfConfirmed(emit, confirmed.ticket, coordination);
  },

  async 'accounting.cardRefused'({ orderId, ...card }: CardRefused, { sql, emit }: Context) {
    if (card.coordination !== coordination) return;
    await settle(sql, orderId);
    const cancelled = await changeTicket(sql, { orderId }, 'cancelCreate');
    if (cancelled.result === 'changed') tellOf(emit, 'cancelCreate', cancelled.ticket);
  },
};

interface Expectation {
  readonly wanted: NewTicket | null;
  readonly isVerified: boolean;
  readonly isSettled: boolean;
}

/** Notes a piece of what a ticket takes; with the last one makes it. */
async function expect(
  { sql, emit }: Context,
  orderId: string,
  { wanted = null, isVerified = false }: Partial<Expectation>,
): Promise<void> {
  const [known] = await sql<Expectation>`
    insert into awaited_orders (order_id, wanted, is_verified) values (${orderId}, ${wanted && sql.json(wanted)}, ${isVerified})
    on conflict (order_id) do update set
      wanted = coalesce(awaited_orders.wanted, excluded.wanted),
      is_verified = awaited_orders.is_verified or excluded.is_verified
    returning wanted, is_verified, is_settled`;
  if (known === undefined || known.wanted === null || !known.isVerified || known.isSettled) return;
  await settle(sql, orderId);
  const created = await createTicket(sql, known.wanted);
  if ('unavailable' in created) {
    const at = new Date().toISOString();
    emit('ticketRefused', { orderId, reason: 'dishUnavailable', coordination, at });
  } else tellOfNew(emit, created.ticket, coordination);
}

/** From now on no ticket is made for the order, whatever is told of it. */
async function settle(sql: Sql, orderId: string): Promise<void> {
  await sql`
    insert into awaited_orders (order_id, is_settled) values (${orderId}, true)
    on conflict (order_id) do update set is_settled = true`;
}

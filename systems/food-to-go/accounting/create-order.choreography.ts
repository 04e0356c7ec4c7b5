import type { OutputOf, Sql, Tx } from '@banyan/banyan';
import type { kitchen } from '../kitchen/contract.ts';
import type { orders } from '../orders/contract.ts';
import { type AuthorizationRequest, authorize, newsOf } from './authorizations.ts';
import type { accounting } from './contract.ts';

type OrderCreated = OutputOf<typeof orders.events.created.data>;
type ApprovalExpired = OutputOf<typeof orders.events.approvalExpired.data>;
type TicketCreated = OutputOf<typeof kitchen.events.ticketCreated.data>;
type Context = Pick<Tx<typeof accounting>, 'sql' | 'emit'>;

const coordination = 'choreography';

/**
 * The part of this service in a choreographed order. It decides: once the card is authorized the order goes through, and once it is refused it does not. So
 * there is one place, and one row, in which the deadline of an order meets its approval.
 */
export const choreography = {
  async 'orders.created'(order: OrderCreated, context: Context) {
    if (order.coordination !== coordination) return;
    const { orderId, consumerId, total } = order;
    await consider(context, orderId, { wanted: { orderId, consumerId, amount: total } });
  },

  async 'kitchen.ticketCreated'({ orderId, ...ticket }: TicketCreated, context: Context) {
    if (ticket.coordination === coordination) await consider(context, orderId, { hasTicket: true });
  },

  async 'orders.approvalExpired'({ orderId, consumerId }: ApprovalExpired, { sql, emit }: Context) {
    if (!(await decide(sql, orderId))) return;
    const at = new Date().toISOString();
    emit('cardRefused', { orderId, consumerId, reason: 'deadline', coordination, at });
  },
};

interface PendingDecision {
  readonly wanted: AuthorizationRequest | null;
  readonly hasTicket: boolean;
}

/** Notes a piece of what a decision takes; with the last one decides. */
async function consider(
  { sql, emit }: Context,
  orderId: string,
  { wanted = null, hasTicket = false }: Partial<PendingDecision>,
): Promise<void> {
  const [known] = await sql<PendingDecision>`
    insert into pending_decisions (order_id, wanted, has_ticket) values (${orderId}, ${wanted && sql.json(wanted)}, ${hasTicket})
    on conflict (order_id) do update set
      wanted = coalesce(pending_decisions.wanted, excluded.wanted),
      has_ticket = pending_decisions.has_ticket or excluded.has_ticket
    returning wanted, has_ticket`;
  if (known === undefined || known.wanted === null || !known.hasTicket) return;
  if (!(await decide(sql, orderId))) return;
  const outcome = await authorize(sql, known.wanted);
  if ('authorization' in outcome) {
    emit('cardAuthorized', { ...newsOf(outcome.authorization), coordination });
    return;
  }
  const { consumerId } = known.wanted;
  const at = new Date().toISOString();
  emit('cardRefused', { orderId, consumerId, reason: outcome.declined, coordination, at });
}

/** True for the first who asks about an order, in one transaction, and for nobody after it. */
async function decide(sql: Sql, orderId: string): Promise<boolean> {
  const decided = await sql`
    insert into pending_decisions (order_id, is_decided) values (${orderId}, true)
    on conflict (order_id) do update set is_decided = true where not pending_decisions.is_decided
    returning order_id`;
  return decided.length > 0;
}

import { ServiceError, type Sql } from '@banyan/banyan';
import { isId } from '../vocabulary/text.ts';
import type { Ticket, TicketLine } from './contract.ts';
import { former, lifecycle, type TicketChange, type TicketState } from './lifecycle.ts';
import { findRestaurantCopy } from './restaurant-copies.ts';

interface Row extends Omit<Ticket, 'readyBy'> {
  readonly readyBy: string | null;
  readonly formerState: TicketState | null;
  readonly revisedLines: TicketLine[] | null;
}

export interface NewTicket {
  readonly orderId: string;
  readonly restaurantId: string;
  readonly menuRevision: number;
  readonly lines: readonly { readonly menuItemId: string; readonly quantity: number }[];
}

/**
 * Makes the ticket of an order, or finds it.
 * @throws ServiceError `unavailable` `menu_not_known_yet` while the kitchen knows only an older menu than the consumer chose from
 */
export async function createTicket(
  sql: Sql,
  { orderId, restaurantId, menuRevision, lines }: NewTicket,
): Promise<{ readonly ticket: Ticket; readonly isNew: boolean } | { readonly unavailable: string }> {
  const copy = await findRestaurantCopy(sql, restaurantId);
  if (copy === undefined || copy.revision < menuRevision) {
    throw new ServiceError('The kitchen does not know the menu yet.', {
      code: 'unavailable',
      reason: 'menu_not_known_yet',
    });
  }
  const dishOf = new Map(copy.dishes.map(({ menuItemId, dish }) => [menuItemId, dish]));
  const missing = lines.find(({ menuItemId }) => !dishOf.has(menuItemId));
  if (missing !== undefined) return { unavailable: missing.menuItemId };
  const named = lines.map((line) => ({ ...line, dish: dishOf.get(line.menuItemId) ?? '' }));
  const [inserted] = await sql<Row>`
    insert into tickets (order_id, restaurant_id, state, lines)
    values (${orderId}, ${restaurantId}, 'CREATE_PENDING', ${sql.json(named)})
    on conflict (order_id) do nothing returning *`;
  if (inserted !== undefined) return { ticket: toTicket(inserted), isNew: true };
  const [existing] = await sql<Row>`select * from tickets where order_id = ${orderId}`;
  if (existing === undefined) throw new Error('The ticket was neither stored nor found.');
  return { ticket: toTicket(existing), isNew: false };
}

export async function findTicket(sql: Sql, ticketId: string): Promise<Ticket | undefined> {
  if (!isId(ticketId)) return undefined;
  const [row] = await sql<Row>`select * from tickets where ticket_id = ${ticketId}`;
  return row && toTicket(row);
}

/** The ticket of an order, from when it is certain on. */
export async function findOrderTicket(sql: Sql, orderId: string): Promise<Ticket | undefined> {
  if (!isId(orderId)) return undefined;
  const [row] = await sql<Row>`
    select * from tickets where order_id = ${orderId} and state <> 'CREATE_PENDING'`;
  return row && toTicket(row);
}

/** Tickets of a restaurant that it may know of, oldest first, from just above the id `after`. */
export async function findTickets(
  sql: Sql,
  restaurantId: string,
  wanted: {
    readonly state?: string | undefined;
    readonly after?: string | undefined;
    readonly limit: number;
  },
): Promise<Ticket[]> {
  if (!isId(restaurantId)) return [];
  const { state = null, after = null, limit } = wanted;
  const rows = await sql<Row>`
    select * from tickets
    where restaurant_id = ${restaurantId} and state <> 'CREATE_PENDING'
      and (${state}::text is null or state = ${state}) and (${after}::uuid is null or ticket_id > ${after})
    order by ticket_id limit ${limit}`;
  return rows.map(toTicket);
}

/** Which ticket: by its own id, and then whose; or by its order's. */
export type TicketKey =
  | { readonly ticketId: string; readonly restaurantId: string }
  | { readonly orderId: string };

export type Changed =
  | { readonly result: 'changed'; readonly ticket: Ticket }
  | { readonly result: 'forbidden'; readonly state: TicketState }
  | { readonly result: 'notFound' };

/** Takes a ticket where `change` leads from where it is, if it leads anywhere. Two at one time wait for each other. */
export async function changeTicket(
  sql: Sql,
  key: TicketKey,
  change: TicketChange,
  { readyBy, lines }: { readonly readyBy?: string; readonly lines?: NewTicket['lines'] } = {},
): Promise<Changed> {
  const ticket = await lockTicket(sql, key);
  if (ticket === undefined) return { result: 'notFound' };
  const leadsTo = lifecycle[ticket.state][change];
  if (leadsTo === undefined) return { result: 'forbidden', state: ticket.state };
  const state = leadsTo === former ? (ticket.formerState ?? ticket.state) : leadsTo;
  const isLock = state === 'CANCEL_PENDING' || state === 'REVISION_PENDING';
  const [changed] = await sql<Row>`
    update tickets set
      state = ${state}, former_state = ${isLock ? ticket.state : null},
      ready_by = ${readyBy ?? ticket.readyBy},
      lines = ${sql.json(change === 'confirmRevision' ? (ticket.revisedLines ?? ticket.lines) : ticket.lines)},
      revised_lines = ${sql.json(lines === undefined ? null : withDishes(lines, ticket.lines))},
      revision = revision + 1, changed_at = clock_timestamp()
    where ticket_id = ${ticket.ticketId} returning *`;
  if (changed === undefined) throw new Error('The ticket was locked and is gone.');
  return { result: 'changed', ticket: toTicket(changed) };
}

async function lockTicket(sql: Sql, key: TicketKey): Promise<Row | undefined> {
  if ('orderId' in key) {
    const [row] = await sql<Row>`select * from tickets where order_id = ${key.orderId} for update`;
    return row;
  }
  const { ticketId, restaurantId } = key;
  if (!isId(ticketId) || !isId(restaurantId)) return undefined;
  // What is not confirmed is not the restaurant's yet.
  const [row] = await sql<Row>`
    select * from tickets
    where ticket_id = ${ticketId} and restaurant_id = ${restaurantId} and state <> 'CREATE_PENDING' for update`;
  return row;
}

function withDishes(lines: NewTicket['lines'], known: readonly TicketLine[]): TicketLine[] {
  const dishOf = new Map(known.map(({ menuItemId, dish }) => [menuItemId, dish]));
  return lines.map((line) => ({ ...line, dish: dishOf.get(line.menuItemId) ?? line.menuItemId }));
}

function toTicket(row: Row): Ticket {
  const { ticketId, revision, orderId, restaurantId, state, lines, readyBy, createdAt, changedAt } = row;
  const ready = readyBy === null ? {} : { readyBy };
  return { ticketId, revision, orderId, restaurantId, state, lines, ...ready, createdAt, changedAt };
}

import type { InputOf, MetricsOf, Sql } from '@banyan/banyan';
import { createRepository, defineEventStore, type Loaded, type Repository } from '@banyan/event-store';
import type { orders } from './contract.ts';
import { type OrderCommand, type OrderData, order } from './order.ts';
import { type OrderEvents, orderEvents } from './order-events.ts';
import { saveOrder } from './order-table.ts';
import { publication } from './publication.ts';

export const orderStore = defineEventStore({ events: orderEvents });

/** A transaction of this service, of an operation, of an event's handler, or of a saga's step. */
export interface OrderTx {
  readonly sql: Sql;
  readonly emit: <Name extends keyof (typeof orders)['events']>(
    name: Name,
    data: InputOf<(typeof orders)['events'][Name]['data']>,
  ) => void;
  readonly metrics: MetricsOf<typeof orders>;
  readonly onCommit?: (listener: () => void) => void;
}

export interface OrderChangeRequest {
  readonly orderId: string;
  readonly command: OrderCommand;
  /** Who does it: a user's id, or what the service does by itself. */
  readonly by: string;
  /** The revision that whoever asks has seen. */
  readonly expected?: number | undefined;
}

/** The orders as their events tell, in the database that `sql` leads to. */
export function ordersIn(context: {
  readonly sql: Sql;
}): Repository<OrderEvents, OrderData | undefined, OrderCommand> {
  return createRepository(orderStore(context), order, { publication });
}

/**
 * Changes an order: its events, how it stands, and what others are told, in one transaction.
 * @throws ServiceError `orderNotFound`, `orderStateForbids`, `unknownMenuItem`, `minimumNotMet`, and `wrong_expected_revision`
 */
export async function changeOrder(
  tx: OrderTx,
  { orderId, command, by, expected }: OrderChangeRequest,
): Promise<Loaded<OrderData | undefined>> {
  const changed = await ordersIn(tx).execute(orderId, command, {
    tx,
    metadata: { by },
    ...(expected !== undefined && { expected }),
  });
  await saveOrder(tx.sql, orderId, changed);
  count(command, tx.metrics);
  return changed;
}

function count(command: OrderCommand, { placed, approved, rejected }: OrderTx['metrics']): void {
  if (command.change === 'place') placed.inc({ coordination: command.order.coordination });
  else if (command.change === 'approve') approved.inc();
  else if (command.change === 'reject') rejected.inc();
}

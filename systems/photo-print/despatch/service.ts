import { onRefusal, service } from '@banyan/banyan';
import { orders } from '../orders/contract.ts';
import { printing } from '../printing/contract.ts';
import { customerOf } from '../vocabulary/customer.ts';
import { despatch } from './contract.ts';
import { renderLabel } from './render-label.ts';
import { trackingNumber } from './tracking-number.ts';

export const despatchService = service(despatch, {
  uses: { orders, printing },
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async getLabel({ orderId }, { call, caller, sql, fail }) {
      const [parcel] = await sql<{ label: Uint8Array; trackingNumber: string }>`
        select label, tracking_number from parcels
        where order_id = ${orderId} and customer_id = ${customerOf(caller)}`;
      if (parcel === undefined) {
        await call.orders
          .getOrder({ orderId })
          .catch(onRefusal(orders.operations.getOrder, 'orderNotFound', () => fail('orderNotFound')));
        return fail('notDespatched');
      }
      return {
        contentType: 'application/pdf',
        length: parcel.label.length,
        body: parcel.label,
        fileName: `label-${parcel.trackingNumber}.pdf`,
      };
    },
  },
  on: {
    'printing.printed': async ({ orderId, customerId }, { call, sql, emit, event }) => {
      // Asked for here instead of carried by the events: an event is kept by everyone who listens and in the log, and a
      // home address is nobody's business but the customer's, the order's and the parcel's.
      const recipient = await call.orders.getRecipient({ orderId });
      const [next] = await sql<{ serial: number }>`select nextval('tracking_serials') as serial`;
      const tracking = trackingNumber(next?.serial ?? 0);
      const despatchedAt = new Date(event.occurredAt);
      const label = await renderLabel({ recipient, trackingNumber: tracking, despatchedAt });
      await sql`
        insert into parcels (order_id, customer_id, tracking_number, label)
        values (${orderId}, ${customerId}, ${tracking}, ${label})`;
      emit('despatched', { orderId, customerId, trackingNumber: tracking });
    },
  },
});

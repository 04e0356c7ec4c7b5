import { type Logger, onRefusal, service, type Tx } from '@banyan/banyan';
import { despatch } from '../despatch/contract.ts';
import { payments } from '../payments/contract.ts';
import { printing } from '../printing/contract.ts';
import { uploads } from '../uploads/contract.ts';
import type { Recipient } from '../vocabulary/address.ts';
import { customerOf } from '../vocabulary/customer.ts';
import { nextPage } from '../vocabulary/page.ts';
import { catalogue, findSize, missingPixels } from './catalogue.ts';
import { orders } from './contract.ts';
import { findOrder, findOrders, readOrder } from './find-orders.ts';
import { insertOrder, totalOf } from './insert-order.ts';
import { paidOrder } from './paid-order.ts';
import { recordStep } from './record-step.ts';

export const ordersService = service(orders, {
  uses: { uploads, payments, printing, despatch },
  migrations: new URL('./migrations/', import.meta.url),
  audited: { cancelOrder: ({ orderId }) => orderId },
  operations: {
    async listProducts() {
      return { products: catalogue };
    },

    async placeOrder(request, { call, caller, idempotencyKey, sql, tx, fail, log, metrics: { refused } }) {
      const customerId = customerOf(caller);
      const { photoId, product, payment } = request;
      const size = findSize(product, request.size);
      if (size === undefined) {
        refused.inc({ reason: 'unsupported_combination' });
        return fail('unsupportedCombination', {
          product,
          size: request.size,
          supported: supportedCombinations,
        });
      }
      const photo = await call.uploads.describePhoto({ photoId }).catch(
        onRefusal(uploads.operations.describePhoto, 'photoNotFound', () => {
          refused.inc({ reason: 'photo_not_found' });
          return fail('photoNotFound');
        }),
      );
      const missing = missingPixels(size, { width: photo.width, height: photo.height });
      if (missing !== undefined) {
        refused.inc({ reason: 'too_few_pixels' });
        return fail('tooFewPixels', missing);
      }

      const { orderId, result } = await tx(async ({ sql, emit, metrics }) => {
        const inserted = await insertOrder(sql, { customerId, request, size, idempotencyKey });
        if (inserted.result === 'keyReused') return fail('idempotencyKeyReused');
        if (inserted.result === 'inserted') {
          const { orderId } = inserted;
          await sql`insert into order_steps (order_id, status, at) values (${orderId}, 'placed', now())`;
          const total = totalOf({ size, request });
          emit('placed', { orderId, customerId, total, payment });
          metrics.placed.inc({ payment: payment.method });
          metrics.value.observe(total.amount / 100);
        }
        return inserted;
      });
      if (result === 'inserted') log.info('An order was placed.', { orderId, product, size: size.size });
      return readOrder(sql, orderId, customerId);
    },

    async getOrder({ orderId }, { caller, sql, fail }) {
      return (await findOrder(sql, orderId, customerOf(caller))) ?? fail('orderNotFound');
    },

    async listOrders({ limit, before }, { caller, sql }) {
      const found = await findOrders(sql, customerOf(caller), { before, limit });
      const ids = found.map(({ orderId }) => orderId);
      return { orders: found, ...nextPage(ids, limit) };
    },

    async cancelOrder({ orderId }, { call, caller, sql, tx, fail, log }) {
      const customerId = customerOf(caller);
      const order = (await findOrder(sql, orderId, customerId)) ?? fail('orderNotFound');
      if (order.status === 'cancelled') return order;
      if (order.status !== 'placed' && order.status !== 'paid') {
        return fail('notCancellable', { status: order.status });
      }
      // Printing decides, whether the job is there yet or not. If this dies after its yes, `printing.jobCancelled` finishes it.
      await call.printing
        .cancelJob({ orderId }, { timeoutMs: 3_000 })
        .catch(
          onRefusal(printing.operations.cancelJob, 'printingStarted', () =>
            fail('notCancellable', { status: 'printing' }),
          ),
        );
      await tx(({ sql, emit, metrics }) =>
        cancel({ orderId, customerId, at: new Date().toISOString() }, { sql, emit, metrics, log }),
      );
      return readOrder(sql, orderId, customerId);
    },

    async getRecipient({ orderId }, { caller, sql, fail }) {
      const [order] = await sql<{ shipTo: Recipient }>`
        select ship_to from orders where order_id = ${orderId} and customer_id = ${customerOf(caller)}`;
      return order?.shipTo ?? fail('orderNotFound');
    },
  },
  on: {
    'payments.captured': async ({ orderId }, { sql, emit, event, log }) => {
      const moved = await recordStep({ orderId, status: 'paid', at: event.occurredAt }, { sql, log });
      if (moved) emit('paid', await paidOrder(orderId, sql));
    },
    'payments.declined': async ({ orderId, reason }, { sql, event, log, metrics }) => {
      const moved = await recordStep(
        { orderId, status: 'payment-declined', at: event.occurredAt },
        { sql, log },
      );
      if (!moved) return;
      metrics.ended.inc({ outcome: 'payment_declined' });
      await sql`update orders set decline_reason = ${reason} where order_id = ${orderId}`;
    },
    'payments.refunded': async ({ orderId, amount }, { sql }) => {
      await sql`update orders set refunded = ${amount.amount} where order_id = ${orderId}`;
    },
    'printing.started': async ({ orderId }, { sql, event, log }) => {
      await recordStep({ orderId, status: 'printing', at: event.occurredAt }, { sql, log });
    },
    'printing.printed': async ({ orderId }, { sql, event, log }) => {
      await recordStep({ orderId, status: 'printed', at: event.occurredAt }, { sql, log });
    },
    'printing.jobCancelled': async ({ orderId, customerId }, { sql, emit, event, log, metrics }) => {
      await cancel({ orderId, customerId, at: event.occurredAt }, { sql, emit, metrics, log });
    },
    'despatch.despatched': async ({ orderId, trackingNumber }, { sql, event, log, metrics }) => {
      const moved = await recordStep({ orderId, status: 'despatched', at: event.occurredAt }, { sql, log });
      if (moved) metrics.ended.inc({ outcome: 'despatched' });
      await sql`update orders set tracking_number = ${trackingNumber} where order_id = ${orderId}`;
    },
  },
});

const supportedCombinations = catalogue.flatMap(({ product, sizes }) =>
  sizes.map(({ size }) => `${product} ${size}`),
);

async function cancel(
  { orderId, customerId, at }: { orderId: string; customerId: string; at: string },
  { sql, emit, metrics, log }: Pick<Tx<typeof orders>, 'sql' | 'emit' | 'metrics'> & { readonly log: Logger },
): Promise<void> {
  const moved = await recordStep({ orderId, status: 'cancelled', at }, { sql, log });
  if (!moved) return;
  emit('cancelled', { orderId, customerId });
  metrics.ended.inc({ outcome: 'cancelled' });
}

import { buffer } from 'node:stream/consumers';
import { onRefusal, service } from '@banyan/banyan';
import { z } from 'zod';
import { orders } from '../orders/contract.ts';
import { uploads } from '../uploads/contract.ts';
import { customerOf } from '../vocabulary/customer.ts';
import { printing } from './contract.ts';
import { renderSheet } from './render-sheet.ts';
import { createSheetStore } from './sheet-store.ts';

// Beside the system's other data, so that `banyan reset` removes it too.
export const printingService = service(printing, {
  uses: { orders, uploads },
  config: z.object({
    storageFolder: z.string().optional(),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async getSheet({ orderId }, { call, caller, config, dataFolder, sql, fail }) {
      const [job] = await sql<{ state: string; changedAt: string }>`
        select state, changed_at from jobs where order_id = ${orderId} and customer_id = ${customerOf(caller)}`;
      if (job?.state !== 'printed') {
        // No job yet can also mean that the order is not paid; orders knows whose it is.
        await call.orders
          .getOrder({ orderId })
          .catch(onRefusal(orders.operations.getOrder, 'orderNotFound', () => fail('orderNotFound')));
        return fail('notPrinted');
      }
      const sheet = await createSheetStore(config.storageFolder ?? dataFolder).read(orderId);
      return {
        contentType: 'application/pdf',
        ...sheet,
        etag: orderId,
        cacheControl: 'private, max-age=3600',
        fileName: `sheet-${orderId}.pdf`,
      };
    },

    async cancelJob({ orderId }, { caller, tx, fail }) {
      const customerId = customerOf(caller);
      await tx(async ({ sql, emit }) => {
        // One statement decides between a job that starts and a cancellation: whichever comes first to the row.
        const cancelled = await sql`
          insert into jobs (order_id, customer_id, state) values (${orderId}, ${customerId}, 'cancelled')
          on conflict (order_id) do update set state = 'cancelled', changed_at = now()
            where jobs.state in ('waiting', 'cancelled')
          returning order_id`;
        if (cancelled.length === 0) return fail('printingStarted');
        emit('jobCancelled', { orderId, customerId });
      });
      return { orderId };
    },
  },
  on: {
    'orders.paid': async (job, { sql, emit, log }) => {
      const added = await sql`
        insert into jobs (order_id, customer_id, state) values (${job.orderId}, ${job.customerId}, 'waiting')
        on conflict (order_id) do nothing
        returning order_id`;
      if (added.length > 0) emit('queued', job);
      else log.info('The job was cancelled before it came.', { orderId: job.orderId });
    },

    'printing.queued': async (job, { sql, emit, log }) => {
      const started = await sql`
        update jobs set state = 'printing', changed_at = now()
        where order_id = ${job.orderId} and state = 'waiting'
        returning order_id`;
      if (started.length > 0) emit('started', job);
      else log.info('The job was cancelled while it waited.', { orderId: job.orderId });
    },

    // The long step has an event of its own: if it dies half-way, it runs again from its start, anywhere.
    'printing.started': async (job, { call, config, dataFolder, sql, emit, event }) => {
      const photo = await call.uploads.getPhoto({ photoId: job.photoId });
      const body = photo.body instanceof Uint8Array ? Buffer.from(photo.body) : await buffer(photo.body);
      const sheet = await renderSheet(body, job, new Date(event.occurredAt));
      await createSheetStore(config.storageFolder ?? dataFolder).write(job.orderId, sheet);
      await sql`update jobs set state = 'printed', changed_at = now() where order_id = ${job.orderId}`;
      emit('printed', job);
    },
  },
});

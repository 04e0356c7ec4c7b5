import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { InvoiceData } from '../order/contract.ts';
import { Delay, FeedPoll, FeedStatus, Repairs } from '../vocabulary/consistency.ts';
import { Money } from '../vocabulary/money.ts';
import { PageRequest } from '../vocabulary/page.ts';
import { Id, WantedId } from '../vocabulary/text.ts';

const Invoice = InvoiceData.extend({ total: Money });

export const invoicing = contract('invoicing', {
  version: '1.0.0',
  description: 'Invoices: who owes what.',
  operations: {
    showPage: operation('GET /invoicing', {
      summary: 'Leads to the page for people.',
      input: z.object({}),
      output: z.object({}),
      status: 303,
      location: '/invoicing/',
    }),
    listInvoices: operation('GET /invoicing/invoices', {
      summary: 'Invoices, newest order first.',
      input: PageRequest,
      output: z.object({ invoices: z.array(Invoice), next: Id.optional() }),
    }),
    getInvoice: operation('GET /invoicing/invoices/:orderId', {
      input: z.object({ orderId: WantedId }),
      output: Invoice,
      errors: { invoiceNotFound: { status: 404 } },
    }),
    poll: operation('POST /invoicing/poll', {
      summary: 'Asks the feed of order for what is new, now, and leads to the list.',
      input: z.object({}),
      output: FeedPoll,
      errors: { feedOff: { status: 409, description: 'Orders come as events here.' } },
      status: 303,
      location: '/invoicing/',
      timeoutMs: 30_000,
    }),
    getFeedStatus: operation('GET /invoicing/feed-status', {
      summary: 'How reading the feed goes.',
      input: z.object({}),
      output: FeedStatus,
    }),
    getDelay: operation('GET /invoicing/delay', {
      summary: 'How long orders take to get here.',
      input: z.object({}),
      output: Delay,
    }),
    listOrphans: operation('GET /invoicing/orphans', {
      summary: 'Deliveries without an invoice, by order id.',
      input: z.object({}),
      output: z.object({ deliveries: z.array(Id) }),
    }),
    reconcile: operation('POST /invoicing/reconciliation', {
      summary: 'Compares all invoices with the orders and mends what differs.',
      input: z.object({}),
      output: Repairs,
      idempotent: true,
      timeoutMs: 60_000,
    }),
  },
});

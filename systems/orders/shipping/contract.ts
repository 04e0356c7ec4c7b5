import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { DeliveryData } from '../order/contract.ts';
import { Delay, FeedPoll, FeedStatus, Repairs } from '../vocabulary/consistency.ts';
import { PageRequest, WalkRequest } from '../vocabulary/page.ts';
import { Id, WantedId } from '../vocabulary/text.ts';

const Shipment = DeliveryData.extend({ weightGrams: z.int() });

export const shipping = contract('shipping', {
  version: '1.0.0',
  description: 'Parcels: what goes where.',
  operations: {
    showPage: operation('GET /shipping', {
      summary: 'Leads to the page for people.',
      input: z.object({}),
      output: z.object({}),
      status: 303,
      location: '/shipping/',
    }),
    listShipments: operation('GET /shipping/shipments', {
      summary: 'Shipments, newest order first.',
      input: PageRequest,
      output: z.object({ shipments: z.array(Shipment), next: Id.optional() }),
    }),
    getShipment: operation('GET /shipping/shipments/:orderId', {
      input: z.object({ orderId: WantedId }),
      output: Shipment,
      errors: { shipmentNotFound: { status: 404 } },
    }),
    poll: operation('POST /shipping/poll', {
      summary: 'Asks the feed of order for what is new, now, and leads to the list.',
      input: z.object({}),
      output: FeedPoll,
      errors: { feedOff: { status: 409, description: 'Orders come as events here.' } },
      status: 303,
      location: '/shipping/',
      timeoutMs: 30_000,
    }),
    getFeedStatus: operation('GET /shipping/feed-status', {
      summary: 'How reading the feed goes.',
      input: z.object({}),
      output: FeedStatus,
    }),
    getDelay: operation('GET /shipping/delay', {
      summary: 'How long orders take to get here.',
      input: z.object({}),
      output: Delay,
    }),
    listOrderIds: operation('GET /shipping/order-ids', {
      summary: 'Orders that are delivered, oldest first.',
      input: WalkRequest,
      output: z.object({ entries: z.array(z.object({ orderId: Id })), next: Id.optional() }),
    }),
    reconcile: operation('POST /shipping/reconciliation', {
      summary: 'Compares all shipments with the orders and mends what differs.',
      input: z.object({}),
      output: Repairs,
      idempotent: true,
      timeoutMs: 60_000,
    }),
  },
});

import { contract } from '@banyan/banyan';
import { graphql } from '@banyan/graphql';
import { accounting } from '../accounting/contract.ts';
import { consumers } from '../consumers/contract.ts';
import { delivery } from '../delivery/contract.ts';
import { orderHistory } from '../order-history/contract.ts';
import { orders } from '../orders/contract.ts';
import { restaurants } from '../restaurants/contract.ts';

const orderId = { orderId: 'orderId' } as const;

/** For clients that would rather say themselves what they want. Each field has the policy of the operation behind it. */
export const graphqlApi = contract('graphql', {
  version: '1.0.0',
  description: 'GraphQL over the contracts.',
  operations: {
    query: graphql('POST /graphql', {
      summary: 'Orders with everything around them.',
      queries: {
        order: { asks: [orders, 'getOrder'], type: 'Order' },
        orders: { asks: [orderHistory, 'listOrders'], type: 'OrderList' },
        restaurant: { asks: [restaurants, 'getRestaurant'], type: 'Restaurant' },
      },
      links: {
        Order: {
          consumer: {
            asks: [consumers, 'getConsumer'],
            type: 'Consumer',
            input: { consumerId: 'consumerId' },
          },
          delivery: { asks: [delivery, 'getDelivery'], type: 'Delivery', input: orderId },
          bill: { asks: [accounting, 'getBill'], type: 'Bill', input: orderId },
        },
        OrderListOrders: { details: { asks: [orders, 'getOrder'], type: 'Order', input: orderId } },
      },
    }),
  },
});

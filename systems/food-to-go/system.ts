import { expose, gateway, system } from '@banyan/banyan';
import { accounting } from './accounting/contract.ts';
import { accountingService } from './accounting/service.ts';
import { consumers } from './consumers/contract.ts';
import { consumersService } from './consumers/service.ts';
import { delivery } from './delivery/contract.ts';
import { deliveryService } from './delivery/service.ts';
import { identity } from './identity/contract.ts';
import { identityService, issuer } from './identity/service.ts';
import { kitchen } from './kitchen/contract.ts';
import { kitchenService } from './kitchen/service.ts';
import { orderHistory } from './order-history/contract.ts';
import { orderHistoryService } from './order-history/service.ts';
import { orders } from './orders/contract.ts';
import { ordersService } from './orders/service.ts';
import { progress } from './progress/contract.ts';
import { progressService } from './progress/service.ts';
import { restaurantSearch } from './restaurant-search/contract.ts';
import { restaurantSearchService } from './restaurant-search/service.ts';
import { restaurants } from './restaurants/contract.ts';
import { restaurantsService } from './restaurants/service.ts';
import { graphqlApi } from './screens/graphql.ts';
import { phoneScreens } from './screens/phone.ts';
import { webScreens } from './screens/web.ts';
import type { Role } from './vocabulary/signed-in.ts';

const role = (scope: Role) => ({ scope });

export default system('food-to-go', {
  services: [
    consumersService,
    restaurantsService,
    ordersService,
    kitchenService,
    accountingService,
    deliveryService,
    orderHistoryService,
    progressService,
    restaurantSearchService,
  ],
  // A stand-in for the outside world. Production needs a service of the same contract above, whose place this one takes in development:
  // until then `banyan check --production` names it.
  development: [identityService],
  gateway: gateway({
    title: 'Food to Go',
    description: 'Meals from restaurants, brought to the door.',
    site: new URL('./web/', import.meta.url),
    userTokens: { issuer, audience: issuer, keys: [identity, 'publicKeys'] },
    expose: [
      expose(identity, { createSession: 'anyone' }),
      expose(consumers, { registerConsumer: 'anyone', getConsumer: role('consumer') }),
      expose(restaurants, {
        createRestaurant: role('staff'),
        listRestaurants: 'anyone',
        getRestaurant: 'anyone',
        reviseMenu: role('restaurant'),
      }),
      expose(restaurantSearch, { search: 'anyone' }),
      expose(orders, {
        createOrder: role('consumer'),
        // Consumers see their own, staff all.
        getOrder: 'user',
        cancelOrder: role('consumer'),
        reviseOrder: role('consumer'),
        listChanges: role('staff'),
        listProcesses: role('staff'),
        reverseChange: role('staff'),
        rebuild: role('staff'),
      }),
      expose(kitchen, {
        listTickets: role('restaurant'),
        getTicket: role('restaurant'),
        acceptTicket: role('restaurant'),
        startPreparing: role('restaurant'),
        markReady: role('restaurant'),
      }),
      expose(accounting, {
        getAccount: role('consumer'),
        registerCard: role('consumer'),
        setLimit: role('staff'),
        getBill: 'user',
      }),
      expose(delivery, {
        setAvailability: role('courier'),
        getPlan: role('courier'),
        pickUp: role('courier'),
        dropOff: role('courier'),
        // Those whom it concerns, and staff.
        getDelivery: 'user',
        getRestaurantCopy: role('staff'),
      }),
      expose(progress, {
        listCreateOrder: role('staff'),
        getCreateOrder: role('staff'),
        drawCreateOrder: role('staff'),
      }),
      expose(webScreens, { orderDetails: 'user' }),
      expose(phoneScreens, { orderDetails: 'user' }),
      expose(graphqlApi, { query: 'user' }),
      expose(orderHistory, {
        listOrders: role('consumer'),
        getOrder: role('consumer'),
        rebuild: role('staff'),
      }),
    ],
  }),
});

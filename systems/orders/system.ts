import { expose, gateway, system } from '@banyan/banyan';
import { invoicing } from './invoicing/contract.ts';
import { invoicingService } from './invoicing/service.ts';
import { order } from './order/contract.ts';
import { orderService } from './order/service.ts';
import { shipping } from './shipping/contract.ts';
import { shippingService } from './shipping/service.ts';

export default system('orders', {
  services: [orderService, shippingService, invoicingService],
  gateway: gateway({
    title: 'Orders',
    description: 'Order, shipping and invoicing, told apart by events.',
    site: new URL('./web/', import.meta.url),
    // Who may change prices and mend copies; everybody may order, as in the source of this system.
    userTokens: { issuer: 'orders-staff', audience: 'orders', keys: [order, 'staffKeys'] },
    expose: [
      expose(order, {
        showPage: 'anyone',
        listCustomers: 'anyone',
        listItems: 'anyone',
        addLine: 'anyone',
        placeOrder: 'anyone',
        listOrders: 'anyone',
        feed: 'anyone',
        getOrder: 'anyone',
        changeAddresses: 'anyone',
        cancelOrder: 'anyone',
        changePrice: 'user',
      }),
      expose(shipping, {
        showPage: 'anyone',
        listShipments: 'anyone',
        getShipment: 'anyone',
        poll: 'anyone',
        getDelay: 'anyone',
        reconcile: 'user',
      }),
      expose(invoicing, {
        showPage: 'anyone',
        listInvoices: 'anyone',
        getInvoice: 'anyone',
        poll: 'anyone',
        getDelay: 'anyone',
        listOrphans: 'anyone',
        reconcile: 'user',
      }),
    ],
  }),
});

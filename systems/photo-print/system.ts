import { expose, gateway, system } from '@banyan/banyan';
import { authentication } from './authentication/contract.ts';
import { authenticationService } from './authentication/service.ts';
import { issuer } from './authentication/token-signer.ts';
import { despatch } from './despatch/contract.ts';
import { despatchService } from './despatch/service.ts';
import { instagramService } from './instagram/service.ts';
import { orders } from './orders/contract.ts';
import { ordersService } from './orders/service.ts';
import { paymentProviderService } from './payment-provider/service.ts';
import { payments } from './payments/contract.ts';
import { paymentsService } from './payments/service.ts';
import { printing } from './printing/contract.ts';
import { printingService } from './printing/service.ts';
import { registration } from './registration/contract.ts';
import { registrationService } from './registration/service.ts';
import { uploads } from './uploads/contract.ts';
import { uploadsService } from './uploads/service.ts';

const customer = { scope: 'customer' } as const;

export default system('photo-print', {
  services: [
    registrationService,
    authenticationService,
    uploadsService,
    ordersService,
    paymentsService,
    printingService,
    despatchService,
  ],
  // Stand-ins for the outside world. Production needs services of the same contracts above, whose place these take in development:
  // until then `banyan check --production` names them.
  development: [paymentProviderService, instagramService],
  gateway: gateway({
    title: 'Photo Print',
    description: 'Photos in, prints out: on paper, mugs and T-shirts.',
    site: new URL('./web/', import.meta.url),
    // What one click on the page sets off is one trace. In production it begins here.
    continueTraces: 'development',
    userTokens: { issuer, audience: issuer, keys: [authentication, 'publicKeys'] },
    expose: [
      expose(registration, { register: 'anyone', getMyAccount: customer }),
      expose(authentication, { createSession: 'anyone' }),
      expose(uploads, {
        uploadPhoto: customer,
        importPhotos: customer,
        listPhotos: customer,
        getPhoto: customer,
        getThumbnail: customer,
      }),
      expose(orders, {
        listProducts: 'anyone',
        placeOrder: customer,
        getOrder: customer,
        listOrders: customer,
        cancelOrder: customer,
      }),
      expose(payments, { registerCard: customer, listCards: customer }),
      expose(printing, { getSheet: customer }),
      expose(despatch, { getLabel: customer }),
    ],
  }),
});

import { expose, gateway, system } from '@banyan/banyan';
import { consumers } from './consumers/contract.ts';
import { consumersService } from './consumers/service.ts';
import { identity } from './identity/contract.ts';
import { identityService, issuer } from './identity/service.ts';
import { restaurants } from './restaurants/contract.ts';
import { restaurantsService } from './restaurants/service.ts';
import type { Role } from './vocabulary/signed-in.ts';

const role = (scope: Role) => ({ scope });

export default system('food-to-go', {
  services: [consumersService, restaurantsService],
  // A stand-in for the outside world. In production another service keeps the same contract.
  development: [identityService],
  gateway: gateway({
    title: 'Food to Go',
    description: 'Meals from restaurants, brought to the door.',
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
    ],
  }),
});

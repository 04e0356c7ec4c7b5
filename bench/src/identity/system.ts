import { contract, expose, gateway, operation, service, system } from '@banyan/banyan';
import {
  developmentMessageSender,
  identityExposures,
  identityServices,
  identityTokens,
} from '@banyan/identity';
import { z } from 'zod';

const greeter = contract('greeter', {
  version: '1.0.0',
  operations: {
    greet: operation('GET /greeting', { input: z.object({}), output: z.object({ text: z.string() }) }),
  },
});

const greeterService = service(greeter, { operations: { greet: async () => ({ text: 'hello' }) } });

/** People who sign in, and something that has nothing to do with it. */
export default system('identity-bench', {
  services: [...identityServices, greeterService],
  development: [developmentMessageSender],
  gateway: gateway({
    userTokens: identityTokens,
    expose: [...identityExposures, expose(greeter, { greet: 'anyone' })],
  }),
});

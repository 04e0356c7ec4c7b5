import { onRefusal, service } from '@banyan/banyan';
import { loginIds } from '../login-ids/contract.ts';
import { passwords } from '../passwords/contract.ts';
import { loginController } from './contract.ts';

/** Keeps `loginController` and no data: asks `login-ids`, then `passwords`. Fails with `unavailable` while one of them is away. */
export const loginControllerService = service(loginController, {
  uses: { loginIds, passwords },
  operations: {
    async check({ loginId, password }, { call }) {
      const account = await call.loginIds
        .find({ loginId })
        .catch(onRefusal(loginIds.operations.find, 'noRegisteredUser', () => undefined));
      const accountId = account?.accountId;
      return { accountId, ...(await call.passwords.check({ accountId, password })) };
    },
  },
});

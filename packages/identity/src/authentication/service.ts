import { setTimeout as sleep } from 'node:timers/promises';
import { onRefusal, service } from '@banyan/banyan';
import { loginIds } from '../login-ids/contract.ts';
import { userInfo } from '../user-info/contract.ts';
import { accountOperations } from './account-operations.ts';
import { authentication } from './contract.ts';
import { AuthenticationConfig, uses } from './definition.ts';
import { askForSubmissionKey, loginListeners } from './login-choreography.ts';
import { loginOperations } from './login-operations.ts';
import { endLoginsBefore, endLoginsUntil, forgetOldLogins } from './login-store.ts';
import { registrationOperations } from './registration-operations.ts';
import { deleteRegistration, overdueRegistrations } from './registrations.ts';
import { forgetOldTries } from './tries.ts';

const resetMinutes = 15;
const tidyEveryMs = 60_000;

/**
 * Keeps `authentication`: sign-ups and logins under way, and counts of failed tries. Refusals are those of the contract; stored data whose key is
 * gone is `internal` `key_missing`.
 */
export const authenticationService = service(authentication, {
  uses,
  config: AuthenticationConfig,
  migrations: new URL('./migrations/', import.meta.url),
  operations: { ...registrationOperations, ...loginOperations, ...accountOperations },
  on: {
    ...loginListeners,
    // A login that has succeeded is worth a session; here those of before end that nobody has confirmed yet (ASVS 7.4.3).
    async 'passwords.changed'({ accountId, revision }, { sql }) {
      await endLoginsBefore(sql, accountId, revision);
    },
    async 'sessions.signedOutEverywhere'({ accountId, endedAt }, { sql }) {
      await endLoginsUntil(sql, accountId, endedAt);
    },
    async 'authentication.resetAsked'({ loginId }, { call, config, event }) {
      const account = await call.loginIds
        .find({ loginId })
        .catch(onRefusal(loginIds.operations.find, 'noRegisteredUser', () => undefined));
      if (account === undefined) return;
      const { accountId } = account;
      const person = await call.userInfo
        .get({ accountId })
        .catch(onRefusal(userInfo.operations.get, 'noSuchUser', () => undefined));
      // Whoever has the mailbox gets the account, so it has to be the owner's for certain.
      if (person === undefined || !person.emailVerified) return;
      const { token } = await call.passwords.beginRecovery({
        accountId,
        request: event.id,
        minutes: resetMinutes,
      });
      await call.messageSender.send({
        messageId: `reset-${event.id}`,
        to: { email: person.email },
        subject: `A new password for ${config.name}`,
        text: `With this code you can choose a new password, within ${resetMinutes} minutes: ${token}\nIf you have not asked for it, do nothing.`,
      });
    },
  },
  background: {
    askForSubmissionKey,
    /** Gives back what unfinished sign-ups hold, and forgets what is over. */
    async tidy({ sql, call, signal }) {
      while (!signal.aborted) {
        for (const accountId of await overdueRegistrations(sql)) {
          await call.passwords.remove({ accountId });
          await call.secondFactors.forget({ accountId });
          await call.userInfo.forget({ accountId });
          await call.loginIds.release({ accountId });
          await deleteRegistration(sql, accountId);
        }
        await forgetOldLogins(sql);
        await forgetOldTries(sql);
        await sleep(tidyEveryMs, undefined, { signal }).catch(() => undefined);
      }
    },
  },
});

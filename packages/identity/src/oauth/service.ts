import { setTimeout as sleep } from 'node:timers/promises';
import { service } from '@banyan/banyan';
import { keyRingOf } from '../keys/open-key-ring.ts';
import { publishedKeys, rotateInTime, rotateKeys, signingKey, withdrawOthers } from '../keys/signing-keys.ts';
import { answerRequest, forgetKeys } from './answer-request.ts';
import { OAuthConfig, signingAlgsOf } from './config.ts';
import { oauth } from './contract.ts';
import { type OAuthContext, uses } from './definition.ts';
import { type Ending, endSignIns, forgetOldRecords } from './record-endings.ts';

const tidyEveryMs = 60_000;
/** As many as `sessions` takes at once. */
const revokedAtOnce = 1_000;

/**
 * Keeps `oauth`: consents, sessions of its pages, codes, refresh tokens and signing keys, encrypted with `OAUTH_KEYS`. Set `OAUTH_ISSUER`,
 * `OAUTH_CLIENTS` and `OAUTH_RESOURCES`; a wrong value stops the start. Stored data whose key is gone is `internal` `key_missing`.
 */
export const oauthService = service(oauth, {
  uses,
  config: OAuthConfig,
  migrations: new URL('./migrations/', import.meta.url),
  audited: { rotateKeys: () => undefined },
  operations: {
    handle: answerRequest,

    async publicKeys(_input, context) {
      const { sql, config } = context;
      // Makes the first one, so that there is always one to publish.
      await signingKey(sql, await keyRingOf(context));
      return { issuer: config.issuer, keys: [...(await publishedKeys(sql, config.tokenSeconds))] };
    },

    async rotateKeys({ withdrawOthers: alone }, context) {
      const ring = await keyRingOf(context);
      const leadSeconds = alone ? 0 : context.config.keyLeadSeconds;
      const keyIds = await context.tx(async ({ sql }) => {
        const made: string[] = [];
        for (const alg of signingAlgsOf(context.config)) {
          const keyId = await rotateKeys(sql, ring, { leadSeconds, alg });
          if (alone) await withdrawOthers(sql, keyId);
          made.push(keyId);
        }
        return made;
      });
      // Other instances see it within seconds; this one signs nothing more with a key that may be known to a thief.
      if (alone) forgetKeys(context);
      // That of access tokens is the first.
      return { keyId: keyIds[0] ?? '' };
    },
  },
  on: {
    // Whoever knew the old password, or holds a stolen session, is out (ASVS 7.4.3).
    'passwords.changed': ({ accountId, revision: passwordRevision }, context) =>
      throwOut({ accountId, passwordRevision }, context),
    'sessions.signedOutEverywhere': ({ accountId, endedAt }, context) =>
      throwOut({ accountId, endedAt }, context),
  },
  background: {
    async tidy(context) {
      const { sql, config, signal } = context;
      while (!signal.aborted) {
        const times = { afterSeconds: config.keySeconds, leadSeconds: config.keyLeadSeconds };
        for (const alg of signingAlgsOf(config)) {
          await rotateInTime(sql, await keyRingOf(context), { ...times, alg });
        }
        await forgetOldRecords(sql);
        await sleep(tidyEveryMs, undefined, { signal }).catch(() => undefined);
      }
    },
  },
});

async function throwOut(ending: Ending, { sql, call }: Pick<OAuthContext, 'sql' | 'call'>): Promise<void> {
  const marks = await endSignIns(sql, ending);
  for (let at = 0; at < marks.length; at += revokedAtOnce) {
    await call.sessions.revokeTokens({ sessions: marks.slice(at, at + revokedAtOnce) });
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { isServiceError, service } from '@banyan/banyan';
import { z } from 'zod';
import { authentication } from '../authentication/contract.ts';
import { handleHash } from '../keys/handle.ts';
import { type KeyKeeper, keyRingOf, keysSetting } from '../keys/open-key-ring.ts';
import { loginIds } from '../login-ids/contract.ts';
import { commonPasswords } from './common-passwords.ts';
import { passwords } from './contract.ts';
import { decoyHash, hashPassword, isOutdated, passwordFits } from './hashing.ts';
import { backUp, checkIntegrity, listBackups, repair, restore } from './password-care.ts';
import {
  isIntact,
  type PasswordRecord,
  readRecord,
  replaceRecord,
  sealRecord,
  writeRecord,
} from './password-record.ts';
import { floorAlone, lengthOf, problemsOfPassword } from './password-rules.ts';

import { forgetOldKeys, offeredKey, openPassword } from './submission-keys.ts';

const tidyEveryMs = 60_000;

export const PasswordsConfig = z.object({
  keys: keysSetting,
  memoryKib: z
    .int()
    .min(8_192)
    .max(1_048_576)
    .default(19_456)
    .describe('Memory of one Argon2id hash, in KiB.'),
  passes: z.int().min(1).max(16).default(2).describe('Passes of one Argon2id hash.'),
  lanes: z.int().min(1).max(8).default(1).describe('Lanes of one Argon2id hash.'),
  contextWords: z
    .array(z.string())
    .default([])
    .describe('Words that nobody should build a password of, such as the name of the shop.'),
  backupFolder: z
    .string()
    .optional()
    .describe('Folder of the backups. Default: in the data folder; keep it on another machine.'),
});

interface Keeper extends KeyKeeper {
  readonly config: z.output<typeof PasswordsConfig>;
}

interface GivenNewPassword {
  readonly password: string;
  readonly contextWords: readonly string[];
  readonly secondFactor: boolean;
}

/**
 * Keeps `passwords`: Argon2id hashes, each sealed with a key of `PASSWORDS_KEYS`. A record that somebody else changed signs nobody in. Errors
 * beside the refusals: `data_loss` `damaged_backup` and `sealed_value_damaged`, `not_found` `no_such_backup`, `internal` `key_missing`.
 */
export const passwordsService = service(passwords, {
  uses: { authentication, loginIds },
  config: PasswordsConfig,
  migrations: new URL('./migrations/', import.meta.url),
  audited: {
    change: ({ accountId }) => accountId,
    remove: ({ accountId }) => accountId,
    backUp: () => undefined,
    checkIntegrity: () => undefined,
    restore: ({ backupId }) => backupId,
    repair: () => undefined,
  },
  operations: {
    async create({ accountId, ...wanted }, context) {
      const problems = await problemsOf(wanted, context);
      if (problems.length > 0) return context.fail('weakPassword', { problems });
      const { revision = 0 } = (await readRecord(context.sql, accountId)) ?? {};
      await writeRecord(
        context.sql,
        await newRecord(context, { accountId, password: wanted.password, revision: revision + 1 }),
      );
      return { needsSecondFactor: lengthOf(wanted.password) < floorAlone };
    },

    async change({ accountId, current, ...wanted }, context) {
      const { tx, fail } = context;
      const stored = await fittingRecord(context, accountId, current);
      if (stored === undefined) return fail('wrongPassword');
      const problems = await problemsOf(wanted, context);
      if (problems.length > 0) return fail('weakPassword', { problems });
      const record = await newRecord(context, {
        accountId,
        password: wanted.password,
        revision: stored.revision + 1,
      });
      await tx(async ({ sql, emit }) => {
        // Of two changes at the same time one was made by somebody who does not know the present password any more.
        if (!(await replaceRecord(sql, record, stored.seal))) return fail('wrongPassword');
        await sql`update recoveries set used = true where account_id = ${accountId}`;
        emit('changed', { accountId, by: 'owner', revision: record.revision });
      });
      return {};
    },

    async check({ accountId, password }, context) {
      return checkPassword(context, accountId, password);
    },

    async beginRecovery({ accountId, request, minutes }, context) {
      const { sql } = context;
      // Made of the request, so that asking again gives the token that is in a message already.
      const [, token = ''] = (await keyRingOf(context)).mac(`${accountId} ${request}`, 'recovery').split('.');
      await sql`
        insert into recoveries (account_id, token_hash, expires_at)
        values (${accountId}, ${handleHash(token)}, now() + make_interval(mins => ${minutes}))
        on conflict (account_id) do update
          set token_hash = excluded.token_hash, expires_at = excluded.expires_at, used = false
          where recoveries.token_hash <> excluded.token_hash`;
      const [begun] = await sql<{ expiresAt: string }>`
        select expires_at from recoveries where account_id = ${accountId}`;
      return { token, expiresAt: begun?.expiresAt ?? '' };
    },

    async findRecovery({ token }, { sql, fail }) {
      const [found] = await sql<{ accountId: string }>`
        select account_id from recoveries where token_hash = ${handleHash(token)} and not used and expires_at > now()`;
      return found ?? fail('noSuchRecovery');
    },

    async recover({ token, ...wanted }, context) {
      const { tx, fail } = context;
      const problems = await problemsOf(wanted, context);
      if (problems.length > 0) return fail('weakPassword', { problems });
      return tx(async ({ sql, emit, audit }) => {
        // First of all, so that a token has one use, however many come at the same time.
        const [recovery] = await sql<{ accountId: string }>`
          update recoveries set used = true
          where token_hash = ${handleHash(token)} and not used and expires_at > now()
          returning account_id`;
        if (recovery === undefined) return fail('noSuchRecovery');
        const { accountId } = recovery;
        const { revision = 0 } = (await readRecord(sql, accountId)) ?? {};
        const given = { accountId, password: wanted.password, revision: revision + 1 };
        await writeRecord(sql, await newRecord(context, given));
        emit('changed', { accountId, by: 'recovery', revision: given.revision });
        audit('recover', { subject: accountId });
        return { accountId };
      });
    },

    async checkValidity(wanted, context) {
      const problems = await problemsOf(wanted, context);
      return { problems: [...problems], needsSecondFactor: lengthOf(wanted.password) < floorAlone };
    },

    async remove({ accountId }, context) {
      const stored = await readRecord(context.sql, accountId);
      if (stored === undefined) return {};
      const ring = await keyRingOf(context);
      const removed = { accountId, hash: null, pepperKey: ring.newest, revision: stored.revision + 1 };
      await writeRecord(context.sql, sealRecord(removed, ring));
      await context.sql`update recoveries set used = true where account_id = ${accountId}`;
      return {};
    },

    async backUp(_input, context) {
      return backUp(context);
    },

    async listBackups(_input, context) {
      return { backups: [...(await listBackups(context))] };
    },

    async restore({ backupId }, context) {
      try {
        return { restored: await restore(context, backupId) };
      } catch (error) {
        if (isServiceError(error) && error.reason === 'no_such_backup') return context.fail('noSuchBackup');
        return refuseDamage(error, () => context.fail('damagedBackup'));
      }
    },

    async checkIntegrity(_input, context) {
      return checkIntegrity(context).catch((error: unknown) =>
        refuseDamage(error, () => context.fail('damagedBackup')),
      );
    },

    async repair(_input, context) {
      return repair(context).catch((error: unknown) =>
        refuseDamage(error, () => context.fail('damagedBackup')),
      );
    },
  },
  on: {
    async 'loginIds.loginChecked'({ attemptId, accountId, sealedPassword }, context) {
      const ring = await keyRingOf(context);
      const password = await openPassword(context.sql, ring, { ...sealedPassword, attemptId });
      // Too late for an attempt that was given up long ago.
      if (password === undefined) return;
      const checked = await checkPassword(context, accountId, password);
      context.emit('passwordChecked', { attemptId, accountId, ...checked });
    },

    async 'authentication.submissionKeyAsked'(_data, context) {
      const key = await offeredKey(context.sql, await keyRingOf(context));
      context.emit('submissionKeyOffered', key);
    },
  },
  background: {
    async tidy({ sql, signal }) {
      while (!signal.aborted) {
        await forgetOldKeys(sql);
        await sleep(tidyEveryMs, undefined, { signal }).catch(() => undefined);
      }
    },
  },
});

/** Also brings the hash up to today's cost and pepper. If the password was changed meanwhile, it stays as it is. */
async function checkPassword(
  keeper: Keeper,
  accountId: string | undefined,
  password: string,
): Promise<{ readonly fits: boolean; readonly revision?: number }> {
  const stored = await fittingRecord(keeper, accountId, password);
  if (stored === undefined) return { fits: false };
  const { newest } = await keyRingOf(keeper);
  if (isOutdated(stored.hash ?? '', keeper.config) || stored.pepperKey !== newest) {
    await replaceRecord(keeper.sql, await newRecord(keeper, { ...stored, password }), stored.seal);
  }
  return { fits: true, revision: stored.revision };
}

async function problemsOf({ password, secondFactor, contextWords }: GivenNewPassword, { config }: Keeper) {
  const problems = problemsOfPassword(password, {
    secondFactor,
    contextWords: [...contextWords, ...config.contextWords],
    common: await commonPasswords(),
  });
  return [...problems];
}

/** The record of the account if the password fits it. Whatever is missing or wrong, it costs the same. */
async function fittingRecord(
  keeper: Keeper,
  accountId: string | undefined,
  password: string,
): Promise<PasswordRecord | undefined> {
  const ring = await keyRingOf(keeper);
  const stored = accountId === undefined ? undefined : await readRecord(keeper.sql, accountId);
  const intact = stored !== undefined && isIntact(stored, ring);
  if (stored !== undefined && !intact) keeper.log.error('a password record is damaged', { accountId });
  const usable = intact ? stored : undefined;
  const pepper = ring.derive(usable?.pepperKey ?? ring.newest, 'pepper');
  const fits = await passwordFits(password, usable?.hash ?? decoyHash(keeper.config), pepper);
  return fits && usable?.hash !== null ? usable : undefined;
}

async function newRecord(
  keeper: Keeper,
  {
    accountId,
    password,
    revision,
  }: Pick<PasswordRecord, 'accountId' | 'revision'> & { readonly password: string },
): Promise<PasswordRecord> {
  const ring = await keyRingOf(keeper);
  const hash = await hashPassword(password, keeper.config, ring.derive(ring.newest, 'pepper'));
  return sealRecord({ accountId, hash, pepperKey: ring.newest, revision }, ring);
}

function refuseDamage(error: unknown, refuse: () => never): never {
  if (isServiceError(error) && error.reason === 'damaged_backup') return refuse();
  throw error;
}

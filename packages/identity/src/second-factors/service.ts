import { randomBytes, randomUUID } from 'node:crypto';
import { type Sql, service } from '@banyan/banyan';
import { z } from 'zod';
import type { KeyRing } from '../keys/key-ring.ts';
import { keyRingOf, keysSetting } from '../keys/open-key-ring.ts';
import { messageSender } from '../message-sender/contract.ts';
import type { SecondFactorMethod } from '../vocabulary.ts';
import { fromBase32, toBase32 } from './base32.ts';
import { forgetTries, takeTry } from './code-limits.ts';
import { secondFactors } from './contract.ts';
import { makePhoneCode, usePhoneCode } from './phone-codes.ts';
import { newRecoveryCodes, recoveryCodeHash } from './recovery-codes.ts';
import { stepOfCode } from './totp.ts';

const seedBytes = 20; // 160 bits, what RFC 4226 recommends and apps expect.
const seedContext = (accountId: string) => `totp seed of ${accountId}`;
const phoneContext = (accountId: string) => `phone of ${accountId}`;

interface GivenCode {
  readonly accountId: string;
  readonly method: SecondFactorMethod;
  readonly code: string;
}

/**
 * Keeps `secondFactors`: seeds and telephone numbers, encrypted with `SECOND_FACTORS_KEYS`, and hashes of recovery codes. A code counts once.
 * `internal` `key_missing` or `data_loss` `sealed_value_damaged` if what is stored cannot be read.
 */
export const secondFactorsService = service(secondFactors, {
  uses: { messageSender },
  config: z.object({
    keys: keysSetting,
    phoneCodeSeconds: z.int().min(1).max(600).default(300).describe('How long a code to the phone is valid.'),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  audited: {
    confirmTotp: ({ accountId }) => accountId,
    confirmPhone: ({ accountId }) => accountId,
    forget: ({ accountId }) => accountId,
  },
  operations: {
    async describe({ accountId }, context) {
      const { sql } = context;
      const [totp] = await sql`select 1 from totp where account_id = ${accountId} and seed is not null`;
      const number = await phoneOf(sql, await keyRingOf(context), accountId);
      const [codes] = await sql<{ left: number }>`
        select count(*)::int as left from recovery_codes where account_id = ${accountId}`;
      const methods: SecondFactorMethod[] = [];
      if (totp !== undefined) methods.push('totp');
      if (number !== undefined) methods.push('phone');
      if (methods.length > 0 && (codes?.left ?? 0) > 0) methods.push('recovery');
      return {
        methods,
        recoveryCodesLeft: codes?.left ?? 0,
        ...(number === undefined ? undefined : { phoneEnding: number.slice(-2) }),
      };
    },

    async beginTotp({ accountId, issuer, label }, context) {
      const seed = toBase32(randomBytes(seedBytes));
      const sealed = (await keyRingOf(context)).seal(seed, seedContext(accountId));
      await context.sql`
        insert into totp (account_id, new_seed) values (${accountId}, ${sealed})
        on conflict (account_id) do update set new_seed = excluded.new_seed`;
      return { seed, uri: keyUri(seed, issuer, label) };
    },

    async confirmTotp({ accountId, code }, context) {
      const { sql, tx, fail } = context;
      const waitS = await takeTry(sql, accountId);
      if (waitS !== undefined) return fail('tooManyCodes', { retryAfterS: waitS });
      const [stored] = await sql<{ newSeed: string }>`
        select new_seed from totp where account_id = ${accountId} and new_seed is not null`;
      if (stored === undefined) return fail('wrongCode');
      const seed = (await keyRingOf(context)).open(stored.newSeed, seedContext(accountId));
      const step = stepOfCode(fromBase32(seed), bare(code), Date.now());
      if (step === undefined) return fail('wrongCode');
      return tx(async ({ sql, emit }) => {
        const confirmed = await sql`
          update totp set seed = new_seed, new_seed = null, last_step = ${step}
          where account_id = ${accountId} and new_seed = ${stored.newSeed} returning account_id`;
        if (confirmed.length === 0) return fail('wrongCode');
        await forgetTries(sql, accountId);
        emit('changed', { accountId, method: 'totp' });
        return { recoveryCodes: await replaceRecoveryCodes(sql, accountId) };
      });
    },

    async beginPhone({ accountId, phone }, context) {
      const { sql, fail, call, config } = context;
      const ring = await keyRingOf(context);
      const made = await makePhoneCode(sql, ring, {
        accountId,
        purpose: 'confirm',
        lifetimeS: config.phoneCodeSeconds,
      });
      if (made === undefined) return fail('tooManyCodes', { retryAfterS: 3_600 });
      const sealed = ring.seal(phone, phoneContext(accountId));
      await sql`
        insert into phones (account_id, new_number) values (${accountId}, ${sealed})
        on conflict (account_id) do update set new_number = excluded.new_number`;
      await call.messageSender.send(codeMessage(phone, made.code));
      return { expiresAt: made.expiresAt };
    },

    async confirmPhone({ accountId, code }, context) {
      const { sql, tx, fail } = context;
      const ring = await keyRingOf(context);
      const waitS = await takeTry(sql, accountId);
      if (waitS !== undefined) return fail('tooManyCodes', { retryAfterS: waitS });
      return tx(async ({ sql, emit }) => {
        if (!(await usePhoneCode(sql, ring, { accountId, purpose: 'confirm', code: bare(code) })))
          return fail('wrongCode');
        await sql`
          update phones set number = new_number, new_number = null
          where account_id = ${accountId} and new_number is not null`;
        await forgetTries(sql, accountId);
        emit('changed', { accountId, method: 'phone' });
        const [left] = await sql`select 1 from recovery_codes where account_id = ${accountId} limit 1`;
        return { recoveryCodes: left === undefined ? await replaceRecoveryCodes(sql, accountId) : [] };
      });
    },

    async sendCode({ accountId }, context) {
      const { sql, fail, call, config } = context;
      const ring = await keyRingOf(context);
      const number = await phoneOf(sql, ring, accountId);
      if (number === undefined) return fail('noPhone');
      const made = await makePhoneCode(sql, ring, {
        accountId,
        purpose: 'check',
        lifetimeS: config.phoneCodeSeconds,
      });
      if (made === undefined) return fail('tooManyCodes', { retryAfterS: 3_600 });
      await call.messageSender.send(codeMessage(number, made.code));
      return { expiresAt: made.expiresAt };
    },

    async check(given, context) {
      const { sql, tx, fail } = context;
      const ring = await keyRingOf(context);
      const { accountId: subject, method } = given;
      const waitS = await takeTry(sql, subject);
      if (waitS !== undefined) return fail('tooManyCodes', { retryAfterS: waitS });
      const accepted = await tx(async ({ sql, audit }) => {
        const isRight = await useCode(sql, ring, { ...given, code: bare(given.code) });
        if (!isRight) audit('codeRefused', { subject, details: { method } });
        else if (method === 'recovery') audit('recoveryCodeUsed', { subject });
        return isRight;
      });
      if (accepted) await forgetTries(sql, given.accountId);
      return { accepted };
    },

    async forget({ accountId }, { tx }) {
      await tx(async ({ sql }) => {
        for (const table of ['totp', 'phones', 'phone_codes', 'recovery_codes', 'wrong_codes']) {
          await sql`delete from ${sql.identifier(table)} where account_id = ${accountId}`;
        }
      });
      return {};
    },
  },
});

/** True once for a right code: each way ends in one statement that only one of several at the same time gets through. */
async function useCode(sql: Sql, ring: KeyRing, { accountId, method, code }: GivenCode): Promise<boolean> {
  if (method === 'phone') return usePhoneCode(sql, ring, { accountId, purpose: 'check', code });
  if (method === 'recovery') {
    const used = await sql`
      delete from recovery_codes where account_id = ${accountId} and code_hash = ${recoveryCodeHash(code)}
      returning account_id`;
    return used.length > 0;
  }
  const [stored] = await sql<{ seed: string }>`
    select seed from totp where account_id = ${accountId} and seed is not null`;
  if (stored === undefined) return false;
  const step = stepOfCode(fromBase32(ring.open(stored.seed, seedContext(accountId))), code, Date.now());
  if (step === undefined) return false;
  const used = await sql`
    update totp set last_step = ${step} where account_id = ${accountId} and last_step < ${step} returning account_id`;
  return used.length > 0;
}

async function phoneOf(sql: Sql, ring: KeyRing, accountId: string): Promise<string | undefined> {
  const [stored] = await sql<{ number: string }>`
    select number from phones where account_id = ${accountId} and number is not null`;
  return stored && ring.open(stored.number, phoneContext(accountId));
}

async function replaceRecoveryCodes(sql: Sql, accountId: string): Promise<string[]> {
  const codes = newRecoveryCodes();
  await sql`delete from recovery_codes where account_id = ${accountId}`;
  await sql`insert into recovery_codes ${sql.rows(codes.map((code) => ({ accountId, codeHash: recoveryCodeHash(code) })))}`;
  return codes;
}

function codeMessage(phone: string, code: string) {
  return {
    messageId: randomUUID(),
    to: { phone },
    subject: 'Your code',
    text: `Your code is ${code}. Nobody who is entitled to it will ever ask you for it.`,
  };
}

/** What authenticator apps read from a QR code (Key URI Format). */
function keyUri(seed: string, issuer: string, label: string): string {
  const query = new URLSearchParams({ secret: seed, issuer }).toString().replaceAll('+', '%20');
  return `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(label)}?${query}`;
}

function bare(code: string): string {
  return code.replaceAll(/[\s-]/g, '');
}

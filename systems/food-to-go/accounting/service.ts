import { service } from '@banyan/banyan';
import { z } from 'zod';
import { consumers } from '../consumers/contract.ts';
import { kitchen } from '../kitchen/contract.ts';
import { orders } from '../orders/contract.ts';
import { Money } from '../vocabulary/money.ts';
import { signedIn } from '../vocabulary/signed-in.ts';
import { isId } from '../vocabulary/text.ts';
import { findAccount, openAccount, setCard, setLimit } from './accounts.ts';
import { authorize, findAuthorization, findHistory, newsOf, reverse, revise } from './authorizations.ts';
import { accounting } from './contract.ts';
import { choreography } from './create-order.choreography.ts';

export const accountingService = service(accounting, {
  uses: { consumers, orders, kitchen },
  config: z.object({
    /** Of new accounts: what may be authorized at one time, in minor units of `currency`. */
    limit: z.int().min(0).default(50_000),
    currency: Money.shape.currency.default('EUR'),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async getAccount(_input, { sql, caller, fail }) {
      return (await findAccount(sql, signedIn(caller))) ?? fail('accountNotFound');
    },

    async registerCard(card, { tx, caller, config }) {
      const consumerId = signedIn(caller);
      return tx(async ({ sql }) => {
        // The news that there is this consumer may still be on its way.
        await openAccount(sql, consumerId, limitOf(config));
        return setCard(sql, consumerId, card);
      });
    },

    async setLimit({ consumerId, limit }, { sql, fail }) {
      return (await setLimit(sql, consumerId, limit)) ?? fail('accountNotFound');
    },

    authorize: (request, { tx, fail }) =>
      tx(async ({ sql, emit }) => {
        const outcome = await authorize(sql, request);
        if ('declined' in outcome) return fail('cardDeclined', { reason: outcome.declined });
        const { authorization, isChanged } = outcome;
        if (isChanged) emit('cardAuthorized', { ...newsOf(authorization), coordination: 'orchestration' });
        return authorization;
      }),

    reverse: ({ orderId }, { tx, fail }) =>
      tx(async ({ sql, emit }) => {
        const { authorization, isChanged } = (await reverse(sql, orderId)) ?? fail('authorizationNotFound');
        if (isChanged) emit('authorizationReversed', newsOf(authorization));
        return authorization;
      }),

    revise: ({ orderId, amount }, { tx, fail }) =>
      tx(async ({ sql, emit }) => {
        const outcome = (await revise(sql, orderId, amount)) ?? fail('authorizationNotFound');
        if ('declined' in outcome) return fail('cardDeclined', { reason: outcome.declined });
        emit('authorizationRevised', newsOf(outcome.authorization));
        return outcome.authorization;
      }),

    async getBill({ orderId }, { sql, caller, fail }) {
      const bill = isId(orderId) ? await findAuthorization(sql, orderId) : undefined;
      const isStaff = caller.user?.scopes.includes('staff') ?? false;
      const isConcerned = isStaff || bill?.consumerId === signedIn(caller);
      // Of those of others it is not even known here that they exist.
      return bill !== undefined && isConcerned ? bill : fail('billNotFound');
    },

    async getAuthorization({ orderId }, { sql, fail }) {
      const authorization = (await findAuthorization(sql, orderId)) ?? fail('authorizationNotFound');
      return { ...authorization, history: await findHistory(sql, authorization) };
    },
  },
  on: {
    ...choreography,
    'consumers.registered': ({ consumerId }, { sql, config }) =>
      openAccount(sql, consumerId, limitOf(config)),
  },
});

function limitOf({ limit, currency }: { readonly limit: number; readonly currency: string }): Money {
  return { amount: limit, currency };
}

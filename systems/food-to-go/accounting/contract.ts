import { contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Coordination } from '../vocabulary/coordination.ts';
import { Money } from '../vocabulary/money.ts';
import { Id, lineOfText, Timestamp, WantedId } from '../vocabulary/text.ts';

/** What is kept of a card. Its number belongs to a card processor; here are the last digits, for people to know it by. */
export const Card = z.object({
  holder: lineOfText(120),
  lastDigits: z.string().regex(/^[0-9]{4}$/),
  /** The last month in which it can be used. */
  expires: z.string().regex(/^20[0-9]{2}-(0[1-9]|1[0-2])$/, 'must be a month, such as 2031-05'),
});
export type Card = z.infer<typeof Card>;

/** A consumer, as this service knows them: what they pay with, and how far they are good for it. */
export const Account = z.object({
  consumerId: z.string(),
  card: Card.optional(),
  /** What may be authorized at one time. Other currencies are declined. */
  limit: Money,
  /** What is authorized now, by currency. */
  authorized: z.array(Money),
});
export type Account = z.infer<typeof Account>;

export const declineReasons = ['noCard', 'cardExpired', 'otherCurrency', 'limitExceeded'] as const;
export type DeclineReason = (typeof declineReasons)[number];

const Authorization = z.object({
  orderId: Id,
  consumerId: z.string(),
  amount: Money,
  status: z.enum(['authorized', 'reversed']),
});
const News = z.object({
  orderId: Id,
  consumerId: z.string(),
  /** What is authorized from now on. */
  amount: Money,
  /** 1, and one more with each change of the authorization. */
  revision: z.int().min(1),
  at: Timestamp,
});
/** An order has one authorization. */
const AuthorizationRef = z.object({ orderId: Id });
const cardDeclined = { status: 402, data: z.object({ reason: z.enum(declineReasons) }) } as const;
const authorizationNotFound = { status: 404 } as const;

export const accounting = contract('accounting', {
  version: '1.0.0',
  description: 'Who pays with what, and how much is authorized.',
  operations: {
    getAccount: operation('GET /account', {
      summary: 'The account of the consumer who asks.',
      input: z.object({}),
      output: Account,
      errors: { accountNotFound: { status: 404 } },
    }),
    registerCard: operation('PUT /account/card', {
      summary: 'The card to pay with from now on.',
      input: Card,
      output: Account,
    }),
    setLimit: operation('PUT /accounts/:consumerId/limit', {
      input: z.object({ consumerId: WantedId, limit: Account.shape.limit }),
      output: Account,
      errors: { accountNotFound: { status: 404 } },
    }),
    authorize: operation('POST /authorizations', {
      summary: 'Sets money aside for an order.',
      input: z.object({ orderId: Id, consumerId: z.string(), amount: Money }),
      output: Authorization,
      errors: { cardDeclined },
    }),
    reverse: operation('POST /authorizations/:orderId/reverse', {
      summary: 'Gives the money back. Doing it again changes nothing.',
      input: AuthorizationRef,
      output: Authorization,
      errors: { authorizationNotFound },
      idempotent: true,
    }),
    revise: operation('POST /authorizations/:orderId/revise', {
      summary: 'Sets more aside, or less.',
      input: AuthorizationRef.extend({ amount: Money }),
      output: Authorization,
      errors: { authorizationNotFound, cardDeclined },
    }),
    getBill: operation('GET /bills/:orderId', {
      summary: 'What an order costs its consumer: for them, and for staff.',
      input: z.object({ orderId: WantedId }),
      output: Authorization,
      errors: { billNotFound: { status: 404 } },
    }),
    getAuthorization: operation('GET /authorizations/:orderId', {
      summary: 'What is authorized for an order, and what was before.',
      input: AuthorizationRef,
      output: Authorization.extend({ history: z.array(z.object({ amount: Money, at: Timestamp })) }),
      errors: { authorizationNotFound },
    }),
  },
  // Every key is the order's id and nothing else.
  events: {
    cardAuthorized: event('CardAuthorized', {
      data: News.extend({ coordination: Coordination }),
      key: 'orderId',
    }),
    cardRefused: event('CardRefused', {
      data: z.object({
        orderId: Id,
        consumerId: z.string(),
        /** `deadline`: nobody had asked for the card when the order's time was over. */
        reason: z.enum([...declineReasons, 'deadline']),
        coordination: Coordination,
        at: Timestamp,
      }),
      key: 'orderId',
    }),
    authorizationReversed: event('AuthorizationReversed', { data: News, key: 'orderId' }),
    authorizationRevised: event('AuthorizationRevised', { data: News, key: 'orderId' }),
  },
});

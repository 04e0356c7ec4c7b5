import type { TestContext } from 'node:test';
import { contract, operation } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { compose, expose, type Policies } from '@banyan/gateway';
import { z } from 'zod';
import { type Handler, type RunningShop, runShop } from './running-shop.ts';

export const Ref = z.object({ orderId: z.string() });

export const notFound = { status: 404 } as const;

/** Kept by one endpoint here; which service keeps what is tested where systems run. */
export const parts = contract('parts', {
  version: '1.0.0',
  operations: {
    getOrder: operation('GET /orders/:orderId', {
      input: Ref,
      output: z.object({
        orderId: z.string(),
        state: z.string(),
        consumerId: z.string(),
        restaurant: z.object({ restaurantId: z.string() }),
        lines: z.array(z.object({ dish: z.string() })),
      }),
      errors: { orderNotFound: notFound },
    }),
    getTicket: operation('GET /tickets/:orderId', {
      input: Ref,
      output: z.object({ state: z.string() }),
      errors: { ticketNotFound: notFound },
    }),
    getRestaurant: operation('GET /restaurants/:restaurantId', {
      input: z.object({ restaurantId: z.string(), language: z.enum(['en', 'fr']) }),
      output: z.object({ name: z.string() }),
    }),
    getRating: operation('GET /ratings/:name', {
      input: z.object({ name: z.string() }),
      output: z.object({ stars: z.number() }),
    }),
    getVisits: operation('GET /visits/:orderId', {
      input: Ref.extend({ address: z.string().optional() }),
      headers: { address: 'banyan-client' },
      output: z.object({ count: z.number() }),
    }),
    addTip: operation('POST /tips', { input: Ref, output: z.object({}) }),
    publicKeys: operation('GET /keys', {
      input: z.object({}),
      output: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
    }),
    programKeys: operation('GET /program-keys', {
      input: z.object({}),
      output: z.object({ issuer: z.string(), keys: z.array(z.record(z.string(), z.unknown())) }),
    }),
  },
});

export const screens = contract('screens', {
  version: '1.0.0',
  operations: {
    orderDetails: compose('GET /orders/:orderId/details', {
      summary: 'An order, with all that belongs to it.',
      input: Ref,
      timeoutMs: 1_000,
      parts: (none) =>
        none
          .mandatory('order', [parts, 'getOrder'], { input: { orderId: 'input.orderId' } })
          .optional('ticket', [parts, 'getTicket'], { input: { orderId: 'input.orderId' } })
          .optional('restaurant', [parts, 'getRestaurant'], {
            input: { restaurantId: 'order.restaurant.restaurantId', language: { value: 'fr' } },
            fallback: { name: 'a restaurant' },
          })
          .optional('rating', [parts, 'getRating'], { input: { name: 'restaurant.name' }, access: 'user' }),
    }),
    orderOnPhone: compose('GET /phone/orders/:orderId', {
      input: Ref,
      parts: (none) =>
        none.mandatory('order', [parts, 'getOrder'], {
          input: { orderId: 'input.orderId' },
          fields: ['state'],
        }),
    }),
  },
});

export const order = {
  orderId: 'o-1',
  state: 'APPROVED',
  consumerId: 'ada',
  restaurant: { restaurantId: 'r-1' },
  lines: [{ dish: 'vindaloo' }],
};

export const allUp: Readonly<Record<string, Handler>> = {
  getOrder: ({ orderId }: { orderId: string }) => ({ ...order, orderId }),
  getTicket: () => ({ state: 'ACCEPTED' }),
  getRestaurant: ({ restaurantId, language }: { restaurantId: string; language: string }) => ({
    name: `${restaurantId} ${language}`,
  }),
  getRating: ({ name }: { name: string }) => ({ stars: name.length }),
};

export const outage = () => {
  throw new ServiceError('host db-7 is down', { code: 'unavailable', reason: 'circuit_open' });
};

export interface Screens extends RunningShop {
  get(
    path?: string,
    user?: string,
  ): Promise<{ status: number; json: Answer; text: string; headers: Headers }>;
}

export interface Answer {
  readonly order: unknown;
  readonly ticket: unknown;
  readonly restaurant: unknown;
  readonly rating: unknown;
  readonly missing: readonly { readonly part: string; readonly reason: string }[];
  readonly reason: string;
}

export async function runScreens(
  t: TestContext,
  handlers: Readonly<Record<string, Handler>> = {},
  policies: Policies<typeof parts> = {},
  edge: NonNullable<Parameters<typeof runShop>[1]>['edge'] = {},
): Promise<Screens> {
  const shop = await runShop(t, {
    contract: parts,
    handlers: { ...allUp, ...handlers },
    gateway: {
      formats: ['json', 'xml'],
      userTokens: { issuer: 'shop', audience: 'shop', keys: [parts, 'publicKeys'] } as never,
      expose: [
        expose(screens, { orderDetails: 'user', orderOnPhone: 'user' }),
        expose(parts, { getOrder: 'user', getTicket: 'user', getRestaurant: 'anyone', ...policies }),
      ],
    },
    edge,
  });
  return {
    ...shop,
    async get(path = '/orders/o-1/details', user = 'ada') {
      const response = await fetch(shop.url + path, {
        headers: { authorization: `Bearer ${await shop.token(user)}` },
      });
      const text = await response.text();
      return { status: response.status, json: JSON.parse(text), text, headers: response.headers };
    },
  };
}

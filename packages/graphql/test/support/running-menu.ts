import type { TestContext } from 'node:test';
import { createUserTokenSigner, generateUserKey } from '@banyan/auth';
import { contract, inputValidator, operation } from '@banyan/contract';
import { silentLogger, systemClock } from '@banyan/core';
import { expose, gateway, type Policies } from '@banyan/gateway';
import { type GraphqlOptions, graphql } from '@banyan/graphql';
import { z } from 'zod';

const Consumer = z.object({ consumerId: z.string(), name: z.string() }).meta({ title: 'Consumer' });
const Order = z
  .object({
    orderId: z.string(),
    state: z.enum(['OPEN', 'DONE']),
    consumerId: z.string().optional(),
    total: z.object({ amount: z.number().int(), currency: z.string() }),
    lines: z.array(z.object({ dish: z.string(), quantity: z.int().min(1).max(100) })),
    note: z.string().nullable(),
    labels: z.record(z.string(), z.number()),
  })
  .meta({ title: 'Order' });

export const menu = contract('menu', {
  version: '1.0.0',
  operations: {
    listOrders: operation('GET /orders', {
      summary: 'The newest orders.',
      input: z.object({ count: z.int().min(0).max(500).default(3), states: z.array(z.string()).optional() }),
      output: z.object({ orders: z.array(Order) }).meta({ title: 'OrderList' }),
    }),
    getOrder: operation('GET /orders/:orderId', {
      input: z.object({ orderId: z.string() }),
      output: Order,
      errors: { orderNotFound: { status: 404 } },
    }),
    getConsumer: operation('GET /consumers/:consumerId', {
      input: z.object({ consumerId: z.string() }),
      output: Consumer,
    }),
    cancelOrder: operation('DELETE /orders/:orderId', {
      input: z.object({ orderId: z.string() }),
      output: z.object({}),
    }),
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

export type Handler = (input: never) => unknown;

export interface RunningMenu {
  readonly url: string;
  /** Operation and input of every call that reached the service. */
  readonly calls: readonly (readonly [operation: string, input: unknown])[];
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever is answered.
  ask(query: unknown, options?: { readonly variables?: object; readonly token?: string }): Promise<any>;
  token(scopes: readonly string[]): Promise<string>;
  /** Of a program that the user has allowed as much. */
  programToken(scopes: readonly string[]): Promise<string>;
}

export const order = (orderId: string, consumerId?: string) => ({
  orderId,
  state: 'OPEN',
  ...(consumerId === undefined ? undefined : { consumerId }),
  total: { amount: 4_000_000_000, currency: 'EUR' },
  lines: [{ dish: 'vindaloo', quantity: 2 }],
  note: null,
  labels: { 'two words': 1 },
});

const defaultHandlers: Readonly<Record<string, Handler>> = {
  listOrders: ({ count }: { count: number }) => ({
    orders: Array.from({ length: count }, (_, index) => order(`o-${index}`, 'ada')),
  }),
  getOrder: ({ orderId }: { orderId: string }) => order(orderId, 'ada'),
  getConsumer: ({ consumerId }: { consumerId: string }) => ({ consumerId, name: consumerId.toUpperCase() }),
};

export const defaultOptions: GraphqlOptions = {
  queries: { orders: { asks: [menu, 'listOrders'] }, order: { asks: [menu, 'getOrder'] } },
  links: {
    Order: { consumer: { asks: [menu, 'getConsumer'], input: { consumerId: 'consumerId' } } },
    Consumer: { latest: { asks: [menu, 'listOrders'], input: {} } },
  },
};

/** A gateway with one GraphQL operation in front of a made-up service; stops with the test. */
export async function runMenu(
  t: TestContext,
  {
    handlers = {},
    options = {},
    policies = {},
    access = Object.keys(policies).length === 0 ? 'anyone' : 'user',
  }: {
    readonly handlers?: Readonly<Record<string, Handler>>;
    readonly options?: Partial<GraphqlOptions>;
    readonly policies?: Policies<typeof menu>;
    /** To the GraphQL operation. */
    readonly access?: 'anyone' | 'user' | { readonly scope: string };
  } = {},
): Promise<RunningMenu> {
  const calls: (readonly [string, unknown])[] = [];
  const clock = systemClock;
  const identity = { issuer: 'menu', audience: 'menu' };
  const signer = createUserTokenSigner({
    ...identity,
    privateJwk: await generateUserKey(),
    lifetimeS: 900,
    clock,
  });
  const programs = { issuer: 'programs', audience: 'menu' };
  const programSigner = createUserTokenSigner({
    ...programs,
    privateJwk: await generateUserKey(),
    lifetimeS: 900,
    clock,
  });
  const all: Readonly<Record<string, Handler>> = { ...defaultHandlers, ...handlers };
  const api = contract('api', {
    version: '1.0.0',
    operations: { query: graphql('POST /graphql', { ...defaultOptions, ...options }) },
  });
  const edge = gateway({
    userTokens: {
      ...identity,
      keys: [menu, 'publicKeys'],
      delegated: { audience: programs.audience, keys: [menu, 'programKeys'] },
    },
    expose: [
      expose(api, { query: access }),
      expose(menu, { listOrders: 'anyone', getOrder: 'anyone', getConsumer: 'anyone', ...policies }),
    ],
  }).create({
    systemName: 'menu',
    endpoint: () => ({
      contract: menu,
      async call(name, input) {
        if (name === 'publicKeys') return signer.jwks();
        if (name === 'programKeys') return { issuer: programs.issuer, ...(await programSigner.jwks()) };
        calls.push([name, input]);
        const asked = Object.entries(menu.operations).find(([key]) => key === name)?.[1];
        return all[name]?.((asked === undefined ? input : inputValidator(asked).parse(input)) as never);
      },
    }),
    health: () => Promise.resolve([]),
    ...{ host: '127.0.0.1', port: 0, development: false, clock, logger: silentLogger },
  });
  t.after(() => edge.stop({ timeoutMs: 0 }));
  const { url } = await edge.start();
  return {
    url,
    calls,
    async ask(query, { variables, token } = {}) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(token === undefined ? undefined : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({ query, variables }),
      });
      return { status: response.status, ...((await response.json()) as object) };
    },
    token: async (scopes) => (await signer.sign({ id: 'ada', scopes: [...scopes] })).token,
    programToken: async (scopes) => (await programSigner.sign({ id: 'ada', scopes: [...scopes] })).token,
  };
}

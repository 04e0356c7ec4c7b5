import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createUserTokenSigner, generateUserKey } from '@banyan/auth';
import type { Edge, EdgeOptions, PartHealth, RunningEdge } from '@banyan/chassis';
import { type Contract, type Download, inputValidator, type Upload } from '@banyan/contract';
import { type CallContext, type LogFields, type Logger, ServiceError, systemClock } from '@banyan/core';
import { expose, type GatewayOptions, gateway } from '@banyan/gateway';
import type { Endpoint } from '@banyan/rpc';
import { shop } from './shop.ts';

export { until } from '@banyan/testing';

export type Handler = (input: never, context: CallContext, upload?: Upload) => unknown;

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

export interface RunningShop {
  readonly url: string;
  readonly port: number;
  readonly edge: RunningEdge;
  /** Contexts of the calls that reached the service, first one first. */
  readonly contexts: readonly CallContext[];
  readonly log: LogLine[];
  token(
    userId?: string,
    options?: { readonly scopes?: readonly string[]; readonly lifetimeS?: number },
  ): Promise<string>;
}

export interface ShopOptions {
  /** What the service keeps. Default: the whole shop. */
  readonly contract?: Contract;
  readonly handlers?: Readonly<Record<string, Handler>>;
  readonly gateway?: Partial<GatewayOptions<typeof shop>>;
  readonly edge?: Partial<EdgeOptions>;
  readonly health?: () => Promise<readonly PartHealth[]>;
}

const order = { orderId: 'o-1', sku: 'mug', quantity: 1, shipTo: { city: 'Lyon', country: 'FR' } };

const defaultHandlers: Readonly<Record<string, Handler>> = {
  listProducts: ({ limit, tag }: { limit: number; tag?: string[] }) => ({
    products: ['mug'],
    limit,
    tags: tag ?? [],
  }),
  placeOrder: (input: object) => ({ ...order, ...input, orderId: 'o/1 é' }),
  getOrder: ({ orderId }: { orderId: string }) => ({ ...order, orderId }),
  cancelOrder: () => ({}),
  report: () => ({ rows: 3 }),
  fail: () => {
    throw new Error('secret: password of host db-7');
  },
  uploadPicture: async (_input: never, _context, upload) => {
    let bytes = 0;
    for await (const chunk of upload?.body ?? []) bytes += chunk.byteLength;
    return { pictureId: 'p-1', bytes, type: upload?.contentType };
  },
  getPicture: (): Download => ({ contentType: 'image/png', body: Buffer.from('picture'), etag: 'v1' }),
};

export const everything = expose(shop, {
  listProducts: 'anyone',
  placeOrder: 'anyone',
  getOrder: 'user',
  cancelOrder: 'user',
  slowOrder: 'anyone',
  fail: 'anyone',
  report: { scope: 'reports:read' },
  uploadPicture: 'anyone',
  getPicture: 'anyone',
});

/** A gateway on a free port of this machine in front of a made-up shop; stops with the test. */
export async function runShop(t: TestContext, options: ShopOptions = {}): Promise<RunningShop> {
  const log: LogLine[] = [];
  const contexts: CallContext[] = [];
  const privateJwk = await generateUserKey();
  const signer = (lifetimeS: number) =>
    createUserTokenSigner({
      issuer: 'shop',
      audience: 'shop',
      privateJwk,
      lifetimeS,
      clock: options.edge?.clock ?? systemClock,
    });
  const handlers = { ...defaultHandlers, publicKeys: () => signer(900).jwks(), ...options.handlers };
  const defined: Edge = gateway({
    expose: [everything],
    userTokens: { issuer: 'shop', audience: 'shop', keys: [shop, 'publicKeys'] },
    ...options.gateway,
  });
  const edge = defined.create({
    systemName: 'photo shop',
    endpoint: () => createShopEndpoint(options.contract ?? shop, handlers, contexts),
    health: options.health ?? (() => Promise.resolve([{ part: 'shop', ready: true }])),
    host: '127.0.0.1',
    port: 0,
    development: false,
    clock: systemClock,
    logger: createMemoryLogger(log),
    ...options.edge,
  });
  t.after(() => edge.stop({ timeoutMs: 0 }));
  const { url } = await edge.start();
  return {
    url,
    port: Number(new URL(url).port),
    edge,
    contexts,
    log,
    token: async (userId = 'ada', { scopes = [], lifetimeS = 900 } = {}) =>
      (await signer(lifetimeS).sign({ id: userId, scopes })).token,
  };
}

function createShopEndpoint(
  contract: Contract,
  handlers: Readonly<Record<string, Handler>>,
  contexts: CallContext[],
): Endpoint {
  return {
    contract,
    async call(name, input, context, upload) {
      const operation = Object.entries(contract.operations).find(([key]) => key === name)?.[1];
      const handler = handlers[name];
      if (operation === undefined || handler === undefined) {
        throw new ServiceError('no such operation', { code: 'unimplemented', reason: 'unknown_operation' });
      }
      if (name !== 'publicKeys') contexts.push(context);
      return handler(inputValidator(operation).parse(input) as never, context, upload);
    },
  };
}

function createMemoryLogger(log: LogLine[]): Logger {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}) => {
      log.push({ level, message, fields });
    };
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: () => logger,
  };
  return logger;
}

/** Writes bytes as they are and collects what comes back until the other side closes. */
export async function exchangeRaw(port: number, ...parts: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = openRaw(port);
  const answer = readToEnd(socket);
  for (const part of parts) socket.write(part);
  return answer;
}

export function openRaw(port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port });
  // A reset shows as missing text in what was read.
  socket.on('error', () => undefined);
  return socket;
}

export async function readToEnd(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

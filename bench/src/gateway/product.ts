import { closeSync, openSync, writeSync } from 'node:fs';
import { createUserTokenSigner, generateUserKey } from '@banyan/auth';
import type { Edge } from '@banyan/chassis';
import { createMemoryDocumentStore } from '@banyan/config/testing';
import { contract, operation } from '@banyan/contract';
import { type Logger, silentLogger, systemClock } from '@banyan/core';
import {
  createTrafficAdmin,
  expose,
  forward,
  type GatewayOptions,
  gateway,
  rateLimit,
} from '@banyan/gateway';
import type { Endpoint } from '@banyan/rpc';
import { createLogger, createMetrics } from '@banyan/telemetry';
import { z } from 'zod';
import { createEchoHost } from '../banyan-host.ts';
import { echo } from '../contract.ts';
import { order } from '../payload.ts';

/** What each form of the gateway is measured with. */
export const forms = [
  'pass',
  'full',
  'lane',
  'cache',
  'versions',
  'routes-10',
  'routes-1000',
  'routes-10000',
] as const;
export type Form = (typeof forms)[number];

const keys = contract('keys', {
  version: '1.0.0',
  operations: {
    publicKeys: operation('GET /keys', {
      input: z.object({}),
      output: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
    }),
    menu: operation('GET /menu', { input: z.object({}), output: z.object({ note: z.string() }) }),
  },
});

const unlimited = { access: 'anyone', priority: 'exempt' } as const;

const nextKeys = contract('keys', {
  version: '2.0.0',
  operations: {
    menu: operation('GET /menu', { input: z.object({}), output: z.object({ note: z.string() }) }),
  },
});

export interface StartedGateway {
  readonly url: string;
  /** Headers that a request needs. */
  readonly headers: Readonly<Record<string, string>>;
  /** Moves the link of a gateway with two versions to the other one. */
  readonly moveLink: () => Promise<unknown>;
}

/** A gateway in this process, in front of an HTTP upstream or the echo service. */
export async function startGateway(
  form: Form,
  upstream: { readonly url: string; readonly echoAddress: string },
): Promise<StartedGateway> {
  const signer = createUserTokenSigner({
    issuer: 'bench',
    audience: 'bench',
    privateJwk: await generateUserKey(),
    lifetimeS: 3_600,
    clock: systemClock,
  });
  const host = form === 'lane' ? createEchoHost({ address: upstream.echoAddress }) : undefined;
  const endpoint = (name: string): Endpoint =>
    host !== undefined && name === echo.name ? host.endpoint(name, 'gateway') : keyEndpoint(signer.jwks);
  const edge: Edge = gateway({
    expose: [],
    userTokens: { issuer: 'bench', audience: 'bench', keys: [keys, 'publicKeys'] },
    limits: { maxConcurrentPerClient: 1_024 },
    ...optionsOf(form, upstream.url),
  });
  const documents = createMemoryDocumentStore().open();
  const admin = createTrafficAdmin({ documents, routes: edge.routes });
  let linked = '1';
  const running = edge.create({
    systemName: 'bench',
    endpoint,
    health: async () => [],
    host: '127.0.0.1',
    port: 0,
    development: false,
    clock: systemClock,
    logger: form === 'full' ? fileLogger() : silentLogger,
    metrics: createMetrics(),
    documents,
  });
  const { url } = await running.start();
  const { token } = await signer.sign({ id: 'ada', scopes: [] });
  return {
    url,
    headers: form === 'full' ? { authorization: `Bearer ${token}` } : {},
    moveLink() {
      linked = linked === '1' ? '2' : '1';
      return admin.link('keys', linked, { by: 'bench', why: 'measured' });
    },
  };
}

function optionsOf(form: Form, url: string): Partial<GatewayOptions<typeof keys>> {
  switch (form) {
    case 'pass':
      return { forward: [forward('/*', { to: url, access: 'anyone', maxBodyBytes: 1_000_000_000 })] };
    case 'full': {
      const rate = rateLimit('many', { quota: 1_000_000, windowS: 1, per: 'address' });
      return { forward: [forward('/*', { to: url, access: 'user', rates: [rate] })] };
    }
    case 'lane':
      return { expose: [expose(echo, { order: unlimited, sample: unlimited })] };
    case 'cache':
      return {
        expose: [expose(keys, { menu: { access: 'anyone', cache: { maxAgeS: 3_600, same: 'everyone' } } })],
      };
    case 'versions':
      return { expose: [expose(keys, { menu: 'anyone' }), expose(nextKeys, { menu: 'anyone' })] };
    case 'routes-10':
    case 'routes-1000':
    case 'routes-10000': {
      const count = Number(form.slice('routes-'.length));
      return {
        expose: [expose(manyRoutes(count), Object.fromEntries(names(count).map((name) => [name, 'anyone'])))],
      };
    }
  }
}

function names(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `op${index}`);
}

/** Half of them with a parameter, which costs a walk through the tree. */
function manyRoutes(count: number) {
  const operations = names(count).map((name, index) => {
    const path = `/section${index % 97}/${name}${index % 2 === 0 ? '' : '/:id'}` as const;
    return [
      name,
      operation(`GET ${path}`, {
        input: index % 2 === 0 ? z.object({}) : z.object({ id: z.string() }),
        output: z.object({ note: z.string() }),
      }),
    ] as const;
  });
  return contract('keys', { version: '1.0.0', operations: Object.fromEntries(operations) });
}

function keyEndpoint(jwks: () => unknown): Endpoint {
  return {
    contract: keys,
    call: async (name) => (name === 'publicKeys' ? jwks() : { note: order.note }),
  };
}

/** As a process writes its log: to a file descriptor, here one that forgets. */
function fileLogger(): Logger {
  const file = openSync('/dev/null', 'w');
  process.on('exit', () => closeSync(file));
  return createLogger({ sink: (line) => void writeSync(file, `${line}\n`) });
}

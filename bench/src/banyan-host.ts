import { tmpdir } from 'node:os';
import { createServiceTokens } from '@banyan/auth';
import {
  createHost,
  type Edge,
  type Engines,
  type Host,
  type Service,
  service,
  system,
} from '@banyan/chassis';
import { createMemoryDocuments } from '@banyan/config';
import type { Contract } from '@banyan/contract';
import { silentLogger, systemClock } from '@banyan/core';
import { createMemoryRegistry, createStaticRegistry } from '@banyan/discovery';
import { createMetrics } from '@banyan/telemetry';
import { echo } from './contract.ts';
import { order } from './payload.ts';

export const secret = Buffer.alloc(32, 7).toString('base64url');

export const echoService: Service = service(echo, {
  operations: { order: async (input) => input, sample: async () => order },
});

/** An edge that calls `contracts` and listens nowhere: it lets a benchmark call services as `gateway`. */
export function createCallingEdge(contracts: readonly Contract[]): Edge {
  return {
    kind: 'edge',
    routes: [],
    uses: contracts,
    create: () => ({ start: async () => ({ url: '' }), stop: async () => {} }),
  };
}

/** A host of the echo service alone, or of its callers if `address` says where the service is; without a database. */
export function createEchoHost(options: { readonly port?: number; readonly address?: string }): Host {
  const isServer = options.address === undefined;
  return createHost({
    system: system('bench', { services: [echoService], gateway: createCallingEdge([echo]) }),
    parts: isServer ? ['echo'] : ['gateway'],
    engines: createEngines(options.address),
    tokensOf: (name) => createServiceTokens({ key: secret, service: name, clock: systemClock }),
    configuration: new Map(),
    dataFolder: tmpdir(),
    development: false,
    harsh: false,
    instance: '1',
    internalHost: '127.0.0.1',
    internalPort: options.port ?? 0,
    publicHost: '127.0.0.1',
    publicPort: 0,
    clock: systemClock,
    logger: silentLogger,
    metrics: createMetrics(),
  });
}

/** The echo service keeps nothing, so nothing durable is ever asked for. */
function createEngines(address: string | undefined): Engines {
  const never = () => Promise.reject(new Error('the benchmark has no database'));
  return {
    registry: address === undefined ? createMemoryRegistry() : createStaticRegistry(`static:echo=${address}`),
    log: {
      id: 'none',
      partitions: 1,
      features: { replay: false, remembersIdsForMs: 0, flushes: false, maxEventBytes: 0 },
      publish: never,
      open: never,
      lag: never,
      prune: never,
      close: async () => {},
    },
    documents: createMemoryDocuments(),
    claims: { put: never, get: never },
    openStore: never,
  };
}

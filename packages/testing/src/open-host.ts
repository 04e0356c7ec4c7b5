import { tmpdir } from 'node:os';
import { createServiceCertificates, createServiceTokens } from '@banyan/auth';
import {
  createHost,
  type Engines,
  type Host,
  type HostOptions,
  type System,
  sendersTo,
} from '@banyan/chassis';
import { type Logger, silentLogger, systemClock } from '@banyan/core';
import { createMemoryRegistry, type Registry } from '@banyan/discovery';
import type { EventLog } from '@banyan/events';
import { openPostgresEngines, type PostgresEngines, type PostgresEnginesOptions } from '@banyan/postgres';
import { createMetrics, type Metrics, type Telemetry } from '@banyan/telemetry';

export interface HostPlan {
  readonly system: System;
  /** Services to host, and `gateway`. */
  readonly parts: readonly string[];
  /** Databases that are there, as `provisionSystem` resolves with. */
  readonly urls: Pick<PostgresEnginesOptions, 'platformUrl' | 'serviceUrls' | 'outboxUrls'>;
  /** The system's own, as in `provisionSystem`. */
  readonly secret: string;
  /** Default: a registry of this host alone, which finds nothing outside of the process. `shared` is that of the platform's database. */
  readonly registry?: Registry | 'shared';
  /** Another event log than the one in PostgreSQL; closed with the host. */
  readonly log?: EventLog;
  /** Puts something before the engines. */
  readonly wrap?: (engines: PostgresEngines) => Engines;
  /** Validated configuration by service. Default: none. */
  readonly configuration?: ReadonlyMap<string, unknown>;
  readonly dataFolder?: string;
  /** Default false, as is `harsh`: the way it runs in production. */
  readonly development?: boolean;
  readonly harsh?: boolean;
  readonly callbacks?: readonly string[];
  /** Hosts reach each other over mutual TLS, as in production. Default false. */
  readonly mutualTls?: boolean;
  /** See `HostOptions.label`. */
  readonly label?: string;
  /** Default `1`. */
  readonly instance?: string;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  /** See `HostOptions.onCircuits`. */
  readonly onCircuits?: NonNullable<HostOptions['onCircuits']>;
  /** See `HostOptions.telemetry`. */
  readonly telemetry?: Pick<Telemetry, 'tracer'>;
  /** Default: any that is free. */
  readonly publicPort?: number;
}

export interface OpenedHost {
  readonly host: Host;
  readonly engines: PostgresEngines;
  /** Stops the host, then closes the engines. Idempotent. */
  stop(): Promise<void>;
}

/**
 * A host that is not started yet, on databases that are there: for tests that run a system in processes of their own.
 * @throws what `openPostgresEngines` throws
 */
export async function openHost(plan: HostPlan): Promise<OpenedHost> {
  const { system, parts, urls, secret, registry, log, wrap, callbacks, development = false } = plan;
  const { logger = silentLogger, metrics = createMetrics() } = plan;
  const clock = systemClock;
  const ownRegistry = registry === 'shared' ? undefined : (registry ?? createMemoryRegistry({ clock }));
  const engines = await openPostgresEngines({
    ...urls,
    sendersTo: (service) => sendersTo(system, service),
    ...(ownRegistry === undefined ? undefined : { registry: ownRegistry }),
    ...(log === undefined ? undefined : { log }),
    clock,
    logger,
  });
  const host = createHost({
    system,
    parts,
    engines: wrap?.(engines) ?? engines,
    tokensOf: (service) => createServiceTokens({ key: secret, service, clock }),
    ...(plan.mutualTls === true && {
      certificatesOf: (service: string) =>
        createServiceCertificates({ key: secret, system: system.name, service, clock }),
    }),
    configuration: plan.configuration ?? new Map(),
    dataFolder: plan.dataFolder ?? tmpdir(),
    development,
    harsh: plan.harsh ?? false,
    ...(callbacks === undefined ? undefined : { callbacks }),
    ...(plan.label === undefined ? undefined : { label: plan.label }),
    instance: plan.instance ?? '1',
    internalHost: '127.0.0.1',
    publicHost: '127.0.0.1',
    publicPort: plan.publicPort ?? 0,
    clock,
    logger,
    metrics,
    ...(plan.onCircuits === undefined ? undefined : { onCircuits: plan.onCircuits }),
    ...(plan.telemetry === undefined ? undefined : { telemetry: plan.telemetry }),
  });
  return {
    host,
    engines,
    async stop() {
      await host.stop();
      await engines.close();
    },
  };
}

import { createServiceTokens } from '@banyan/auth';
import { createHost, type Host, type HostOptions, type System, sendersTo, servicesOf } from '@banyan/chassis';
import { readAllConfig } from '@banyan/config';
import { type Logger, systemClock } from '@banyan/core';
import { openPostgresEngines, type PostgresEnginesOptions } from '@banyan/postgres';
import { collectProcessMetrics, type Metrics, type Telemetry } from '@banyan/telemetry';
import { awaitBroker } from './brokers.ts';
import { type CertificateSource, createCertificates } from './certificates.ts';
import { openEdgeState } from './edge-state.ts';
import { createNamedRegistry } from './engines.ts';
import { keepRetention } from './log-retention.ts';

/** All that one process needs to run its share of a system; crosses to child processes as JSON. */
export interface LaunchPlan
  extends Pick<
    HostOptions,
    | 'parts'
    | 'dataFolder'
    | 'development'
    | 'harsh'
    | 'callbacks'
    | 'instance'
    | 'zone'
    | 'label'
    | 'internalHost'
    | 'internalPort'
    | 'advertised'
    | 'probePort'
    | 'publicHost'
    | 'publicTls'
    | 'publicPort'
  > {
  readonly platformUrl: string;
  readonly serviceUrls: Readonly<Record<string, string>>;
  readonly outboxUrls: Readonly<Record<string, string>>;
  /** `REGISTRY_URL`, if it was given. */
  readonly registry?: string;
  /** `BROKER_URL`, if it was given. */
  readonly broker?: string;
  /** `CACHE_URL`, if it was given. */
  readonly cache?: string;
  /** `BANYAN_LOG_RETENTION`, if it was given. */
  readonly logRetentionMs?: number;
  /** Every part of the system runs in this process. */
  readonly isAlone: boolean;
  readonly secret: string;
  /** Connections between processes are mutual TLS with these certificates; plain if missing. */
  readonly tls?: CertificateSource;
}

export interface Launch {
  readonly host: Host;
  /** Resolves when every part is ready. @throws what keeps one from starting */
  start(): Promise<{ readonly publicUrl: string | undefined }>;
  /** Stops the parts and closes the engines; a start that is under way is given up. Idempotent. */
  stop(): Promise<void>;
}

export interface LaunchOptions {
  readonly system: System;
  readonly plan: LaunchPlan;
  /** What service configuration is read from. */
  readonly source: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Started and stopped with the launch. */
  readonly telemetry: Telemetry;
  /** See `HostOptions.onCircuits`. */
  readonly onCircuits?: NonNullable<HostOptions['onCircuits']>;
  /** Ends the wait for a broker that is not there yet. */
  readonly signal: AbortSignal;
}

/** Prepares to run the parts of `plan` in this process. @throws ServiceError listing every configuration problem at once, or that the database does not answer */
export async function createLaunch(options: LaunchOptions): Promise<Launch> {
  const { system, plan, source, logger, metrics, telemetry, signal } = options;
  const hosted = servicesOf(system, plan.development).filter(({ name }) => plan.parts.includes(name));
  const configuration = readAllConfig(hosted, source);
  const clock = systemClock;
  const certificates =
    plan.tls === undefined
      ? undefined
      : createCertificates({ source: plan.tls, secret: plan.secret, system: system.name, clock, logger });
  // Files that do not fit end the start here, and not with the first call.
  for (const part of plan.parts) certificates?.of(part);
  const registry = createNamedRegistry(plan.registry, { isAlone: plan.isAlone, clock });
  const log = await awaitBroker(plan.broker, { clock, logger, signal });
  const engines = await openPostgresEngines({
    platformUrl: plan.platformUrl,
    serviceUrls: plan.serviceUrls,
    ...outboxLogOptions(system, plan),
    ...(registry === undefined ? undefined : { registry }),
    ...(log === undefined ? undefined : { log }),
    clock,
    logger,
  });
  const endRetention =
    plan.logRetentionMs === undefined
      ? undefined
      : keepRetention({ log: engines.log, retentionMs: plan.logRetentionMs, clock, logger });
  const edgeState = plan.parts.includes('gateway')
    ? await openEdgeState(plan.cache, { platformUrl: plan.platformUrl, clock, logger }).catch(
        async (error: unknown) => {
          await engines.close();
          throw error;
        },
      )
    : undefined;
  collectProcessMetrics(metrics);
  const host = createHost({
    ...plan,
    system,
    engines,
    tokensOf: (service) => createServiceTokens({ key: plan.secret, service, clock }),
    ...(certificates === undefined ? undefined : { certificatesOf: certificates.of }),
    configuration,
    ...(edgeState === undefined ? undefined : { edgeState }),
    clock,
    logger,
    metrics,
    telemetry,
    ...(options.onCircuits === undefined ? undefined : { onCircuits: options.onCircuits }),
  });
  return {
    host,
    start() {
      telemetry.start();
      return host.start();
    },
    async stop() {
      await host.stop();
      certificates?.close();
      await edgeState?.close();
      await endRetention?.();
      await engines.close();
      // Last, so that it tells of the stop, too.
      await telemetry.stop();
    },
  };
}

/** Without `BROKER_URL` consumers read the outboxes themselves; `postgres` keeps a log in the platform's database, which relays fill. */
export function outboxLogOptions(
  system: System,
  { broker, outboxUrls }: { readonly broker?: string | undefined } & Pick<LaunchPlan, 'outboxUrls'>,
): Pick<PostgresEnginesOptions, 'outboxUrls' | 'sendersTo'> {
  if (broker !== undefined) return {};
  return { outboxUrls, sendersTo: (service) => sendersTo(system, service) };
}

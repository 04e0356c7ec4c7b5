import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type AuditRecord, createAuditLog } from '@banyan/audit';
import { createServiceTokens, type ServiceTokens } from '@banyan/auth';
import {
  type Client,
  createClient,
  type Host,
  type HostOptions,
  hasDatabase,
  type System,
  servicesOf,
} from '@banyan/chassis';
import { type RuntimeDocuments, readAllConfig } from '@banyan/config';
import type { Contract } from '@banyan/contract';
import { type Logger, silentLogger, systemClock, type User } from '@banyan/core';
import { createMemoryRegistry } from '@banyan/discovery';
import type { EventLog } from '@banyan/events';
import { createDatabase, provisionSystem, resetSystem } from '@banyan/postgres';
import { createCallContext, type Endpoint } from '@banyan/rpc';
import type { Metrics, Telemetry } from '@banyan/telemetry';
import { lastFirst } from './last-first.ts';
import { type OpenedHost, openHost } from './open-host.ts';
import { startTestServer } from './test-database.ts';
import { forkProcess, type TestProcess, toModuleUrl } from './test-process.ts';

export interface TestSystemOptions {
  /**
   * Groups of parts (services, `gateway`). Each group gets a host of its own, and hosts reach each other over the network only, as
   * processes would. Default: one group.
   */
  readonly placement?: readonly (readonly string[])[];
  /** Configuration of the services, as environment variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Repeats deliveries and delays calls, as in development. Default true. */
  readonly harsh?: boolean;
  /** Default true: development services run and calls in one host are copied. */
  readonly development?: boolean;
  /** Where replies may be posted to; see `HostOptions.callbacks`. Default: nowhere. */
  readonly callbacks?: readonly string[];
  /** Hosts reach each other over mutual TLS, as in production. Default false. */
  readonly mutualTls?: boolean;
  readonly logger?: Logger;
  /** Of all hosts together. Default: each has its own. */
  readonly metrics?: Metrics;
  /** See `HostOptions.onCircuits`; of each host. */
  readonly onCircuits?: NonNullable<HostOptions['onCircuits']>;
  /** See `HostOptions.telemetry`; asked for once by each host. Default: no spans are made. */
  readonly telemetry?: (instance: string) => Pick<Telemetry, 'tracer'>;
  /** Another event log than the one in PostgreSQL, such as one on a broker: asked for once by each host, and closed with it. */
  readonly openLog?: () => Promise<EventLog>;
  /** Instances find each other through the database, so that `addProcess` works; on PostgreSQL alone. Default false. */
  readonly processes?: boolean;
  /** A server of the test's own, which it may stop and start: URL of a role that may create databases and roles. Default: that of the test run. */
  readonly databaseUrl?: string;
  /** Of the gateway, for a system that has to know it. Default: any that is free. */
  readonly publicPort?: number;
}

export interface CallAs {
  /** Calling service; it must name the callee in its `uses`. Default `gateway`. */
  readonly service?: string;
  readonly user?: User;
  readonly idempotencyKey?: string;
  readonly timeoutMs?: number;
}

/** A running system with databases of its own, for one test. */
export interface TestSystem {
  /** Of the gateway, if the system has one. */
  readonly publicUrl: string | undefined;
  /** Of every gateway that runs, one for each host that has one. */
  readonly publicUrls: readonly string[];
  /** One host per group of the placement, in its order. */
  readonly hosts: readonly Host[];
  /** Starts another host on the same databases: a part that was stopped, or one more instance of it; stopped with the others. */
  addHost(parts: readonly string[], options?: { readonly label?: string }): Promise<Host>;
  /**
   * Runs parts in a process of their own, which a test may kill while it works; it ends with the test. Needs the option `processes`, and a system that is
   * the default export of its module: what the test has reloaded here is not known there.
   */
  addProcess(parts: readonly string[]): Promise<TestProcess>;
  /** Typed calls to one service, from the first host. */
  client<C extends Contract>(contract: C, as?: CallAs): Client<C>;
  /** What operators change while the system runs. */
  readonly documents: RuntimeDocuments;
  /** Internal port of a service that runs here, `http://host:port`. */
  internalUrl(service: string): Promise<string>;
  /** Those of all instances of a service, as the first host knows of them. */
  internalUrls(service: string): Promise<readonly string[]>;
  /** Proof of identity as a service of the system, for a test that calls an internal port by itself. */
  tokensOf(service: string): ServiceTokens;
  /** What is on record in a service that has a database, newest first, at most 1,000. */
  audits(service: string): Promise<readonly AuditRecord[]>;
  /** The service as an endpoint, as a caller in the first host sees it. */
  endpoint(contractName: string, caller?: string): Endpoint;
  /** Stops and removes everything; happens by itself after the test. Idempotent. */
  stop(): Promise<void>;
}

/** Runs `system` on a real PostgreSQL, within the test's process, until the test `t` ends. */
export async function startTestSystem(
  t: Pick<TestContext, 'after'>,
  system: System,
  options: TestSystemOptions = {},
): Promise<TestSystem> {
  const { databaseUrl } = options;
  const { url: adminUrl } = await startTestServer(databaseUrl === undefined ? {} : { url: databaseUrl });
  const development = options.development ?? true;
  const services = servicesOf(system, development);
  const configuration = readAllConfig(services, options.environment ?? {});
  const secret = randomBytes(32).toString('base64url');
  const marked = `${system.name}-${randomBytes(5).toString('hex')}`;
  const urls = await provisionSystem({
    adminUrl,
    system: marked,
    prefix: `t${randomBytes(5).toString('hex')}_`,
    services: services.filter(hasDatabase).map((service) => service.name),
    secret,
  });
  const logger = options.logger ?? silentLogger;
  const clock = systemClock;
  const registry = options.processes ? 'shared' : createMemoryRegistry({ clock });
  const dataFolder = await mkdtemp(join(tmpdir(), 'banyan-test-files-'));
  const closing: (() => Promise<void>)[] = [
    () => rm(dataFolder, { recursive: true, force: true }),
    () => resetSystem({ adminUrl, system: marked }),
  ];
  const hosts: Host[] = [];
  const opened: OpenedHost[] = [];
  const publicUrls: string[] = [];
  const open = async (parts: readonly string[], label?: string) => {
    const log = await options.openLog?.();
    const instance = String(hosts.length + 1);
    const one = await openHost({
      ...{ system, parts, urls, secret, registry, configuration, dataFolder, development, logger },
      harsh: options.harsh ?? true,
      ...(log === undefined ? undefined : { log }),
      ...(options.callbacks === undefined ? undefined : { callbacks: options.callbacks }),
      ...(options.metrics === undefined ? undefined : { metrics: options.metrics }),
      ...(options.onCircuits === undefined ? undefined : { onCircuits: options.onCircuits }),
      ...(options.telemetry === undefined ? undefined : { telemetry: options.telemetry(instance) }),
      ...(label === undefined ? undefined : { label }),
      ...(options.mutualTls === undefined ? undefined : { mutualTls: options.mutualTls }),
      ...(options.publicPort === undefined ? undefined : { publicPort: options.publicPort }),
      instance,
    });
    closing.push(one.stop);
    hosts.push(one.host);
    opened.push(one);
    return one.host;
  };
  const everything = [
    ...(system.gateway === undefined ? [] : ['gateway']),
    ...services.map(({ name }) => name),
  ];
  for (const parts of options.placement ?? [everything]) await open(parts);
  closing.push(async () => {
    await Promise.all(hosts.map((host) => host.stop()));
  });
  const processes: TestProcess[] = [];
  closing.push(async () => {
    await Promise.all(processes.map((each) => each.kill()));
  });
  const stop = async () => {
    for (let close = closing.pop(); close !== undefined; close = closing.pop()) await close();
  };
  lastFirst(t).after(stop);
  const note = ({ publicUrl }: { readonly publicUrl: string | undefined }) => {
    if (publicUrl !== undefined) publicUrls.push(publicUrl);
  };
  for (const started of await Promise.all(hosts.map((host) => host.start()))) note(started);
  const [first] = opened;
  if (first === undefined) throw new TypeError('startTestSystem(): the placement is empty.');
  const endpoint = (contractName: string, caller = 'gateway') => {
    return first.host.endpoint(contractName, caller);
  };
  const internalUrls = async (service: string) => {
    const watch = first.engines.registry.watch(service);
    try {
      await watch.ready();
      return watch.instances().map(({ url }) => url);
    } finally {
      watch.close();
    }
  };
  return {
    publicUrl: publicUrls[0],
    publicUrls,
    hosts,
    async addHost(parts, { label } = {}) {
      const host = await open(parts, label);
      note(await host.start());
      return host;
    },
    async addProcess(parts) {
      if (!options.processes) throw new TypeError("addProcess(): start the system with 'processes: true'.");
      const added = await forkProcess({
        ...{ systemUrl: toModuleUrl(system.definedAt), parts, urls, secret, dataFolder, development },
        environment: options.environment ?? {},
        harsh: options.harsh ?? true,
        instance: `process-${processes.length + 1}`,
      });
      processes.push(added);
      return added;
    },
    endpoint,
    documents: first.engines.documents,
    async internalUrl(service) {
      const [url] = await internalUrls(service);
      if (url === undefined) throw new TypeError(`internalUrl('${service}'): it does not run here.`);
      return url;
    },
    internalUrls,
    async audits(service) {
      const database = createDatabase({ url: urls.serviceUrls[service] ?? '' });
      try {
        return await createAuditLog({ database, clock }).list({ limit: 1_000 });
      } finally {
        await database.close();
      }
    },
    tokensOf: (service) => createServiceTokens({ key: secret, service, clock }),
    client: (contract, as = {}) => {
      const service = as.service ?? 'gateway';
      const caller = as.user === undefined ? { service } : { service, user: as.user };
      return createClient(contract, endpoint(contract.name, service), () =>
        createCallContext({
          caller,
          timeoutMs: as.timeoutMs ?? 10_000,
          idempotencyKey: as.idempotencyKey,
        }),
      );
    },
    stop,
  };
}

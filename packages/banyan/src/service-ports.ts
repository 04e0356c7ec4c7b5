import type { AuditLog } from '@banyan/audit';
import { everyServiceOf, type Service, type System, servicesOf } from '@banyan/chassis';
import type { RuntimeDocuments } from '@banyan/config';
import { type Database, isServiceError, ServiceError, silentLogger, systemClock } from '@banyan/core';
import type { Instance } from '@banyan/discovery';
import type { EventLog, Inbox, Outbox, RequestStore } from '@banyan/events';
import type { FlowStore } from '@banyan/flow';
import {
  findEmbeddedServer,
  findSystem,
  openPostgresEngines,
  type PostgresEngines,
  type ProvisionedSystem,
} from '@banyan/postgres';
import type { SagaStore } from '@banyan/saga';
import { openBroker } from './brokers.ts';
import type { CommandInput } from './command.ts';
import { dataFolderAt, readSecret } from './data-folder.ts';
import { servicesWithDatabase } from './engines.ts';
import { outboxLogOptions } from './launch.ts';
import { loadSystem } from './load-system.ts';
import { withServer } from './server-answers.ts';
import { readSettings, type Settings } from './settings.ts';
import { dataDirectory, systemDirectory } from './system-directory.ts';
import type { Terminal } from './terminal.ts';

/** What one service keeps, for a command beside the running system. */
export interface ServicePorts {
  readonly service: Service;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  /** What it has asked others by message. */
  readonly requests: RequestStore;
  readonly sagas: SagaStore;
  /** What it has seen of the flows that it watches. */
  readonly flows: FlowStore;
  readonly database: Database;
}

export interface SystemPorts {
  /** Instances that other processes can find; none of a system that runs as one process. */
  instances(): Promise<readonly Instance[]>;
  /** Opened when first asked for: dead letters can be looked after while the broker is away. @throws as `openBroker` */
  openLog(): Promise<EventLog>;
  /** Those with a database, by name, opened when first asked for. @throws ServiceError `not_found` `no_service` for an unknown name */
  open(name: string): Promise<ServicePorts>;
  readonly names: readonly string[];
  readonly system: System;
  /** What the configuration of services is read from. */
  readonly source: Settings['source'];
  /** The system's folder, which relative paths in configuration are relative to. */
  readonly directory: string;
  /** Where services keep files of their own, each in a folder of its name. */
  readonly filesFolder: string;
  /** What operators change while the system runs. */
  readonly documents: RuntimeDocuments;
  /** Who changed them. */
  readonly audit: AuditLog;
  close(): Promise<void>;
}

/**
 * Opens the databases of a system that runs, or whose server runs: nothing is started, and none is made.
 * @throws ServiceError `failed_precondition` `not_running` if there is no server, or the system has never run there
 */
export async function openServicePorts(input: CommandInput, terminal: Terminal): Promise<SystemPorts> {
  const directory = systemDirectory(input, terminal);
  const system = await loadSystem(directory);
  const settings = readSettings(directory, everyServiceOf(system), { input, terminal });
  const services = servicesOf(system, settings.development);
  const names = servicesWithDatabase(services);
  const urls = await findDatabases(system, names, { input, terminal, settings });
  const options = { clock: systemClock, logger: silentLogger };
  // A command looks after rows and leaves the tables to the services.
  const engines = await openPostgresEngines({
    platformUrl: urls.platformUrl,
    serviceUrls: urls.serviceUrls,
    ...outboxLogOptions(system, { broker: settings.brokerUrl, outboxUrls: urls.outboxUrls }),
    ...options,
    migrates: false,
  });
  const broker = createOnce(() => openBroker(settings.brokerUrl, options));
  const stores = new Map(
    services.map((service) => [service.name, createOnce(() => openStore(engines, service))]),
  );
  return {
    instances: async () => (await engines.registry.list()).map(({ instance }) => instance),
    names,
    system,
    source: settings.source,
    directory,
    filesFolder: dataFolderAt(dataDirectory(input, terminal)).files,
    documents: engines.documents,
    audit: engines.audit,
    async openLog() {
      return (await broker.open()) ?? engines.log;
    },
    async open(name) {
      const service = services.find((each) => each.name === name);
      const store = stores.get(name);
      if (service === undefined || store === undefined || !names.includes(name))
        throw unknownService(name, names);
      const { outbox, inbox, requests, sagas, flows, database } = await store.open();
      return { service, outbox, inbox, requests, sagas, flows, database };
    },
    async close() {
      // What could not be opened needs no closing, and whoever asked for it was told.
      for (const each of [broker, ...stores.values()]) await (await each.opened())?.close();
      await engines.close();
    },
  };
}

interface Once<Value> {
  /** Opens it, or resolves with what is open. What could not be opened is tried again by whoever asks next. */
  open(): Promise<Value>;
  /** Undefined if nobody opened it, or it could not be. */
  opened(): Promise<Value | undefined>;
}

function createOnce<Value>(open: () => Promise<Value>): Once<Value> {
  let opening: Promise<Value> | undefined;
  return {
    open() {
      opening ??= open().catch((error: unknown) => {
        opening = undefined;
        throw error;
      });
      return opening;
    },
    opened: async () => opening?.catch(() => undefined),
  };
}

async function openStore(engines: PostgresEngines, service: Service) {
  try {
    return await engines.openStore(service);
  } catch (error) {
    if (!isServiceError(error) || error.reason !== 'migration_pending') throw error;
    const { code, reason } = error;
    throw new ServiceError(`${service.name}: ${error.message}`, { code, reason, cause: error });
  }
}

interface Given {
  readonly input: CommandInput;
  readonly terminal: Terminal;
  readonly settings: Settings;
}

async function findDatabases(
  system: System,
  services: readonly string[],
  { input, terminal, settings }: Given,
): Promise<ProvisionedSystem> {
  const { adminUrl, secret } = await findServer({ input, terminal, settings });
  const urls = await withServer(settings.databaseUrl, () =>
    findSystem({ adminUrl, system: system.name, services, secret }),
  );
  if (urls !== undefined) return urls;
  throw notRunning(
    `The server has no databases of '${system.name}' for this secret: the system has never run there, or with another BANYAN_SECRET.`,
  );
}

/** @throws ServiceError `failed_precondition` `not_running` */
export async function findServer({
  input,
  terminal,
  settings,
}: Given): Promise<{ readonly adminUrl: string; readonly secret: string }> {
  const folder = dataFolderAt(dataDirectory(input, terminal));
  const adminUrl = settings.databaseUrl ?? (await findEmbeddedServer(folder.postgres))?.adminUrl;
  if (adminUrl === undefined)
    throw notRunning("The system is not running here. Start it with 'banyan up', or set DATABASE_URL.");
  const secret = settings.secret ?? (await readSecret(folder));
  if (secret === undefined)
    throw notRunning("The system's secret is not here. Set BANYAN_SECRET to that of the running system.");
  return { adminUrl, secret };
}

function notRunning(message: string): ServiceError {
  return new ServiceError(message, { code: 'failed_precondition', reason: 'not_running' });
}

function unknownService(name: string, names: readonly string[]): ServiceError {
  return new ServiceError(
    `There is no service '${name}' with a database; the system has ${names.join(', ')}.`,
    { code: 'not_found', reason: 'no_service' },
  );
}

import { type Service, type System, servicesOf } from '@banyan/chassis';
import { ServiceError, silentLogger, systemClock } from '@banyan/core';
import type { EventLog, Inbox, Outbox, RequestStore } from '@banyan/events';
import { findEmbeddedServer, openPostgresEngines, provisionSystem } from '@banyan/postgres';
import { openBroker } from './brokers.ts';
import type { CommandInput } from './command-line.ts';
import { openDataFolder, readOrCreateSecret } from './data-folder.ts';
import { servicesWithDatabase } from './engines.ts';
import { loadSystem } from './load-system.ts';
import { readSettings, type Settings } from './settings.ts';
import { dataDirectory, systemDirectory } from './system-directory.ts';
import type { Terminal } from './terminal.ts';

/** The events of one service, for a command beside the running system. */
export interface ServicePorts {
  readonly service: Service;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  /** What it has asked others by message. */
  readonly requests: RequestStore;
}

export interface EventPorts {
  readonly log: EventLog;
  /** Those with a database, by name, opened when first asked for. @throws ServiceError `invalid_argument` for an unknown name */
  open(name: string): Promise<ServicePorts>;
  readonly names: readonly string[];
  close(): Promise<void>;
}

/**
 * Opens the databases of a system that runs, or whose server runs: nothing is started.
 * @throws ServiceError `failed_precondition` `not_running` if there is no server
 */
export async function openEventPorts(input: CommandInput, terminal: Terminal): Promise<EventPorts> {
  const directory = systemDirectory(input, terminal);
  const system = await loadSystem(directory);
  const settings = readSettings(directory, servicesOf(system, true), { input, terminal });
  const services = servicesOf(system, settings.development);
  const names = servicesWithDatabase(services);
  const urls = await findDatabases(system, names, { input, terminal, settings });
  const options = { clock: systemClock, logger: silentLogger };
  const log = await openBroker(settings.brokerUrl, options);
  const engines = await openPostgresEngines({
    ...urls,
    ...options,
    ...(log === undefined ? undefined : { log }),
  });
  const stores = new Map<string, ReturnType<typeof engines.openStore>>();
  return {
    log: engines.log,
    names,
    async open(name) {
      const service = services.find((each) => each.name === name);
      if (service === undefined || !names.includes(name)) throw unknownService(name, names);
      // Without its migrations: a command looks after events and leaves the tables to the service.
      const opening = stores.get(name) ?? engines.openStore({ ...service, migrations: undefined });
      stores.set(name, opening);
      const { outbox, inbox, requests } = await opening;
      return { service, outbox, inbox, requests };
    },
    async close() {
      for (const opening of stores.values()) await opening.then((store) => store.close());
      await engines.close();
    },
  };
}

interface Given {
  readonly input: CommandInput;
  readonly terminal: Terminal;
  readonly settings: Settings;
}

async function findDatabases(system: System, services: readonly string[], given: Given) {
  const { input, terminal, settings } = given;
  const folder = await openDataFolder(dataDirectory(input, terminal));
  const adminUrl = settings.databaseUrl ?? (await findEmbeddedServer(folder.postgres))?.adminUrl;
  if (adminUrl === undefined) {
    throw new ServiceError(
      "The system is not running here. Start it with 'banyan up', or set DATABASE_URL.",
      {
        code: 'failed_precondition',
        reason: 'not_running',
      },
    );
  }
  const secret = settings.secret ?? (await readOrCreateSecret(folder));
  return provisionSystem({ adminUrl, system: system.name, services, secret });
}

function unknownService(name: string, names: readonly string[]): ServiceError {
  return new ServiceError(`There is no service '${name}' with events; the system has ${names.join(', ')}.`, {
    code: 'invalid_argument',
    reason: 'invalid_command_line',
  });
}

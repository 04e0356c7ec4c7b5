import { type System, servicesOf } from '@banyan/chassis';
import type { Logger } from '@banyan/core';
import { createEmbeddedServer, isCapture, type ProvisionedSystem, provisionSystem } from '@banyan/postgres';
import type { DataFolder } from './data-folder.ts';
import { servicesWithDatabase } from './engines.ts';
import type { Progress } from './progress.ts';
import { withServer } from './server-answers.ts';
import type { Settings } from './settings.ts';

export interface DatabaseServerOptions {
  readonly system: System;
  readonly folder: DataFolder;
  readonly settings: Settings;
  readonly secret: string;
  readonly logger: Logger;
  readonly progress: Progress;
}

export interface DatabaseServer {
  readonly urls: ProvisionedSystem;
  /** Of a role that may create databases. */
  readonly adminUrl: string;
  /** Stops the embedded server; does nothing to an outside one. */
  stop(): Promise<void>;
}

/** The PostgreSQL of `DATABASE_URL`, or the embedded one, with a database and a role for each service. */
export async function startDatabaseServer(options: DatabaseServerOptions): Promise<DatabaseServer> {
  const { system, folder, settings, secret, logger, progress } = options;
  const running = servicesOf(system, settings.development);
  const captures = running
    .filter(({ background }) => Object.values(background).some(isCapture))
    .map(({ name }) => name);
  const embedded =
    settings.databaseUrl === undefined
      ? createEmbeddedServer({
          dataDir: folder.postgres,
          logger,
          logicalDecoding: captures.length > 0,
          onProgress: (text) => progress.note(text),
        })
      : undefined;
  const adminUrl = settings.databaseUrl ?? (await embedded?.start())?.adminUrl ?? '';
  try {
    const services = servicesWithDatabase(running);
    const urls = await withServer(settings.databaseUrl, () =>
      provisionSystem({
        ...{ adminUrl, system: system.name, services, secret },
        // Elsewhere the role that reads the log is configuration: on a shared server it may see more than the service's own changes.
        ...(embedded === undefined ? undefined : { captures }),
      }),
    );
    progress.step(embedded === undefined ? 'PostgreSQL at DATABASE_URL' : 'PostgreSQL, embedded');
    return { urls, adminUrl, stop: async () => embedded?.stop() };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

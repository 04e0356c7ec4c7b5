import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Clock, type Logger, sleep, systemClock } from '@banyan/core';
import { findServerAccount, type ServerAccount } from './embedded-account.ts';
import { chooseAddress, removeSocketFolder, toAdminUrl } from './embedded-address.ts';
import { type EmbeddedBinaries, findEmbeddedBinaries } from './embedded-binaries.ts';
import { holdsSlots, prepareCluster, readPassword, toClusterError } from './embedded-cluster.ts';
import { launch, type RunningServer } from './embedded-launch.ts';
import { claim, release, settleLock } from './embedded-lock.ts';
import { readLock } from './embedded-process.ts';
import type { ServerAddress } from './embedded-settings.ts';

export interface EmbeddedServerOptions {
  /** Holds the database files; made if missing. Its parent also gets `log/postgres.log`. */
  readonly dataDir: string;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** TCP port on 127.0.0.1; 0, the default, for any free one. */
  readonly port?: number;
  /** False for data that may be lost with the machine, as tests may: commits then do not wait for the disk. Default true. */
  readonly durable?: boolean;
  /** True: the server writes what captures of changes need, about a tenth more log. Default: if there are replication slots already. */
  readonly logicalDecoding?: boolean;
  /** Called before each step that takes time, with words for a person. */
  readonly onProgress?: (step: string) => void;
}

/** A PostgreSQL server for this machine alone, from binaries that npm installed. */
export interface EmbeddedServer {
  readonly running: boolean;
  /**
   * Starts the server, the first time on new files, and resolves when it takes connections. A server that a killed
   * process left on the same data is stopped first. If the server dies later it is started again on the same address.
   *
   * @throws ServiceError `failed_precondition` `embedded_unsupported`, `embedded_user`, `database_in_use`, `database_port_taken`,
   * `data_unusable`; `permission_denied` `data_not_writable`; `resource_exhausted` `database_disk_full`; `internal`
   * `embedded_start_failed`
   */
  start(): Promise<{ readonly adminUrl: string }>;
  /** Ends open sessions, writes everything out and leaves no process. Idempotent. */
  stop(): Promise<void>;
}

export function createEmbeddedServer(options: EmbeddedServerOptions): EmbeddedServer {
  return new NpmPostgresServer(options);
}

/** The server that some process runs on `dataDir` now, ready for connections; for tools beside a running system. */
export async function findEmbeddedServer(
  dataDir: string,
): Promise<{ readonly adminUrl: string } | undefined> {
  const lock = await readLock(resolve(dataDir));
  if (lock.kind !== 'running' || !lock.server.isReady) return undefined;
  return { adminUrl: toAdminUrl(lock.server, await readPassword(resolve(dataDir))) };
}

const maxRestartDelayMs = 5_000;
const maxPortAttempts = 5;

class NpmPostgresServer implements EmbeddedServer {
  readonly #options: EmbeddedServerOptions;
  readonly #dataDir: string;
  readonly #clock: Clock;
  #started: Promise<{ readonly adminUrl: string }> | undefined;
  #server: RunningServer | undefined;
  #address: ServerAddress | undefined;
  #lastPort = 0;
  #restarting: Promise<void> | undefined;
  #stopping = false;

  constructor(options: EmbeddedServerOptions) {
    this.#options = options;
    this.#dataDir = resolve(options.dataDir);
    this.#clock = options.clock ?? systemClock;
  }

  get running(): boolean {
    return this.#server !== undefined;
  }

  start(): Promise<{ readonly adminUrl: string }> {
    this.#stopping = false;
    this.#started ??= this.#start().catch((error) => {
      this.#started = undefined;
      throw error;
    });
    return this.#started;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    // A start that failed has nothing to stop.
    await this.#started?.catch(() => undefined);
    await this.#restarting;
    this.#started = undefined;
    const server = this.#server;
    this.#server = undefined;
    await server?.stop();
    if (this.#address !== undefined) {
      await removeSocketFolder(this.#address, this.#dataDir);
      await release(this.#dataDir);
    }
    this.#address = undefined;
  }

  async #start(): Promise<{ readonly adminUrl: string }> {
    // Waiting for an orphan to end uses nothing else that keeps the process alive.
    const hold = setInterval(() => {}, 60_000);
    try {
      return await this.#prepareAndLaunch();
    } finally {
      clearInterval(hold);
    }
  }

  async #prepareAndLaunch(): Promise<{ readonly adminUrl: string }> {
    const onProgress = this.#options.onProgress ?? (() => undefined);
    const binaries = await findEmbeddedBinaries();
    try {
      await mkdir(join(dirname(this.#dataDir), 'log'), { recursive: true });
    } catch (error) {
      throw toClusterError(error, this.#dataDir);
    }
    const account = await findServerAccount([dirname(this.#dataDir), binaries.postgres]);
    const password = await prepareCluster({
      dataDir: this.#dataDir,
      binaries,
      account,
      durable: this.#options.durable ?? true,
      onProgress,
    });
    onProgress('starting PostgreSQL');
    const address = await this.#launchSomewhere(binaries, account);
    return { adminUrl: toAdminUrl(address, password) };
  }

  /** A free port may be taken by someone else between choosing and using it. */
  async #launchSomewhere(binaries: EmbeddedBinaries, account: ServerAccount): Promise<ServerAddress> {
    const wantedPort = this.#options.port ?? 0;
    for (let attempt = 1; ; attempt += 1) {
      await settleLock(this.#dataDir, this.#clock);
      // Clients may still know the address of before a stop.
      const port = wantedPort === 0 && attempt === 1 ? this.#lastPort : wantedPort;
      const address = await chooseAddress(this.#dataDir, port, account);
      try {
        await this.#launch(binaries, account, address);
        return address;
      } catch (error) {
        await removeSocketFolder(address, this.#dataDir);
        await release(this.#dataDir);
        const { reason } = error as { readonly reason?: unknown };
        const isWorthRepeating =
          reason === 'database_in_use' || (reason === 'database_port_taken' && wantedPort === 0);
        if (!isWorthRepeating || attempt >= maxPortAttempts) throw error;
        await sleep(20 * attempt, this.#clock);
      }
    }
  }

  async #launch(binaries: EmbeddedBinaries, account: ServerAccount, address: ServerAddress): Promise<void> {
    await claim(this.#dataDir);
    const server = await launch({
      dataDir: this.#dataDir,
      binaries,
      account,
      address,
      durable: this.#options.durable ?? true,
      // With slots that an earlier run has left it starts in no other way.
      logicalDecoding: this.#options.logicalDecoding === true || (await holdsSlots(this.#dataDir)),
      clock: this.#clock,
    });
    this.#address = address;
    this.#lastPort = address.port;
    this.#server = server;
    void server.exited.then((status) => {
      if (this.#server !== server) return;
      this.#server = undefined;
      this.#options.logger.error('the embedded PostgreSQL ended; starting it again', { status });
      this.#restarting = this.#launchAgain(() => this.#launch(binaries, account, address));
    });
  }

  /** Clients know the address, so the next server takes the same one. */
  async #launchAgain(attempt: () => Promise<void>): Promise<void> {
    for (let delayMs = 20; !this.#stopping; delayMs = Math.min(delayMs * 2, maxRestartDelayMs)) {
      try {
        await settleLock(this.#dataDir, this.#clock);
        await attempt();
        return;
      } catch (error) {
        this.#options.logger.error('the embedded PostgreSQL does not start', { error });
        await sleep(delayMs, this.#clock);
      }
    }
  }
}

import { type Clock, isServiceError, type Logger, type Sql, silentLogger, systemClock } from '@banyan/core';
import {
  createInstanceList,
  type Instance,
  type InstanceList,
  type InstanceStatus,
  parseInstance,
  type Registration,
  type Registry,
  type ServiceWatch,
} from '@banyan/discovery';
import type { PostgresDatabase } from './database.ts';
import type { Listener } from './listener.ts';
import { type InstanceRow, RowRegistration, registryError, toInstance } from './registry-rows.ts';

export interface PostgresRegistryOptions {
  /** An instance that does not renew for this long is dropped. Default 10,000. */
  readonly leaseMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/**
 * The registry in the platform's database: rows with leases, and a notification for each change. `database` needs the
 * tables of `platformMigrations.platform` and stays open when the registry is closed.
 */
export function createPostgresRegistry(
  database: PostgresDatabase,
  options: PostgresRegistryOptions = {},
): Registry {
  return new TableRegistry(database, options);
}

const channel = 'banyan_registry';

class TableRegistry implements Registry {
  readonly staleAfterMs: number;
  readonly #database: PostgresDatabase;
  readonly #leaseMs: number;
  /** Three renewals may fail before the lease runs out. */
  readonly #renewMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #lists = new Map<string, InstanceList>();
  readonly #lastRead = new Map<string, readonly Instance[]>();
  readonly #held = new Set<RowRegistration>();
  #listener: Promise<Listener> | undefined;
  #cancelRenewal: (() => void) | undefined;
  #cancelRefresh: (() => void) | undefined;
  #refreshing: Promise<void> | undefined;
  #isStale = false;
  #isAway = false;
  /** Until then nothing is dropped: after an outage the living have not all renewed their leases yet. */
  #keepUntilMs = 0;
  #closed: Promise<void> | undefined;

  constructor(database: PostgresDatabase, options: PostgresRegistryOptions) {
    const { leaseMs = 10_000, clock = systemClock, logger = silentLogger } = options;
    if (!(leaseMs > 0)) throw new TypeError('createPostgresRegistry(): leaseMs must be greater than 0.');
    this.#database = database;
    this.#leaseMs = leaseMs;
    this.#renewMs = leaseMs / 4;
    this.#clock = clock;
    this.#logger = logger;
    this.staleAfterMs = leaseMs + this.#renewMs;
  }

  async register(instance: Instance): Promise<Registration> {
    const parsed = parseInstance(instance);
    this.#checkOpen();
    const registration = new RowRegistration(parsed, (ended) => this.#deregister(ended));
    await this.#reach((sql) => this.#put(sql, registration));
    this.#held.add(registration);
    if (this.#closed !== undefined) {
      await registration.deregister();
      throw registryError('registry_closed');
    }
    this.#renewLater();
    return registration;
  }

  watch(service: string): ServiceWatch {
    this.#checkOpen();
    let list = this.#lists.get(service);
    if (list === undefined) {
      list = createInstanceList(service);
      this.#lists.set(service, list);
      this.#listen();
      this.#refresh();
    }
    return list.watch();
  }

  async list(): Promise<readonly InstanceStatus[]> {
    this.#checkOpen();
    const rows = await this.#reach(
      (sql) => sql<InstanceRow>`
        select * from banyan.instances where expires_at > now()
        order by service collate "C", started_at collate "C", id collate "C"`,
    );
    return rows.map((row) => ({ instance: toInstance(row), expiresAt: row.expiresAt }));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#cancelRenewal?.();
    this.#cancelRefresh?.();
    for (const list of this.#lists.values()) list.close();
    await Promise.all([...this.#held].map((registration) => registration.deregister()));
    await this.#refreshing;
    const listener = await this.#listener?.catch(() => undefined);
    await listener?.close();
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw registryError('registry_closed');
  }

  async #reach<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> {
    try {
      return await work(this.#database.sql);
    } catch (cause) {
      throw isServiceError(cause) ? registryError('registry_unavailable', { cause }) : cause;
    }
  }

  /** Takes the id over from whoever held it. */
  async #put(sql: Sql, { instance, holder }: RowRegistration): Promise<void> {
    const { id, service, url, version, startedAt, metadata } = instance;
    await sql`
      with gone as (delete from banyan.instances where expires_at < now() - interval '1 hour'),
      put as (
        insert into banyan.instances (id, service, url, version, started_at, metadata, holder, expires_at)
        values (${id}, ${service}, ${url}, ${version}, ${startedAt},
          ${metadata === undefined ? null : sql.json(metadata)}, ${holder}, now() + ${this.#leaseMs} * interval '1 ms')
        on conflict (id) do update set service = excluded.service, url = excluded.url, version = excluded.version,
          started_at = excluded.started_at, metadata = excluded.metadata, holder = excluded.holder,
          expires_at = excluded.expires_at
        returning service
      )
      select pg_notify(${channel}, service) from put`;
  }

  async #deregister(registration: RowRegistration): Promise<void> {
    this.#held.delete(registration);
    const { instance, holder } = registration;
    try {
      await this.#database.sql`
        with gone as (
          delete from banyan.instances where id = ${instance.id} and holder = ${holder} returning service
        )
        select pg_notify(${channel}, service) from gone`;
    } catch (error) {
      this.#logger.debug('deregistration failed; the lease will end it', { instance: instance.id, error });
    }
  }

  #renewLater(): void {
    if (this.#closed !== undefined || this.#held.size === 0) return;
    this.#cancelRenewal?.();
    this.#cancelRenewal = this.#clock.setTimer(() => void this.#renewAll(), this.#renewMs);
  }

  async #renewAll(): Promise<void> {
    try {
      for (const registration of [...this.#held]) await this.#renew(registration);
    } catch (error) {
      this.#logger.debug('the registry cannot be reached; leases are not renewed', { error });
    }
    this.#renewLater();
  }

  async #renew(registration: RowRegistration): Promise<void> {
    const { instance, holder } = registration;
    const [row] = await this.#database.sql<{ holder: string; wasLive: boolean }>`
      with before as (select holder, expires_at > now() as was_live from banyan.instances where id = ${instance.id}),
      renewed as (
        update banyan.instances set expires_at = now() + ${this.#leaseMs} * interval '1 ms'
        where id = ${instance.id} and holder = ${holder}
      )
      select * from before`;
    if (!this.#held.has(registration)) return;
    if (row === undefined || (row.holder === holder && !row.wasLive)) {
      // The lease ran out in an outage: others have dropped the instance and must hear of it again.
      await this.#put(this.#database.sql, registration);
      if (!this.#held.has(registration)) await this.#deregister(registration);
    } else if (row.holder !== holder) {
      this.#held.delete(registration);
    }
  }

  #listen(): void {
    this.#listener ??= this.#database
      .listen(channel, (service) => {
        if (service === undefined) this.#onReconnect();
        else if (this.#lists.has(service)) this.#refresh();
      })
      .catch((error) => {
        // The regular refresh asks again until it works.
        this.#listener = undefined;
        throw error;
      });
    this.#listener.then(
      () => this.#refresh(),
      (error) => this.#logger.debug('cannot listen to the registry yet', { error }),
    );
  }

  #onReconnect(): void {
    this.#isAway = true;
    void this.#renewAll();
    this.#refresh();
  }

  /** Reads all lists soon; calls that come while it reads lead to one more read. */
  #refresh(): void {
    if (this.#closed !== undefined) return;
    this.#isStale = true;
    this.#refreshing ??= this.#readUntilFresh().finally(() => {
      this.#refreshing = undefined;
    });
  }

  async #readUntilFresh(): Promise<void> {
    while (this.#isStale && this.#closed === undefined) {
      this.#isStale = false;
      this.#cancelRefresh?.();
      try {
        await this.#read();
      } catch (error) {
        this.#isAway = true;
        this.#logger.debug('the registry cannot be reached; the last list stays in use', { error });
      }
    }
    if (this.#closed !== undefined) return;
    this.#cancelRefresh = this.#clock.setTimer(() => {
      this.#listen();
      this.#refresh();
    }, this.#renewMs);
  }

  async #read(): Promise<void> {
    const { sql } = this.#database;
    const services = [...this.#lists.keys()];
    const rows = await sql<InstanceRow>`
      select * from banyan.instances where service = any(${sql.array(services, 'text')}) and expires_at > now()`;
    if (this.#isAway) this.#keepUntilMs = this.#clock.nowMs() + this.#leaseMs;
    this.#isAway = false;
    if (this.#closed !== undefined) return;
    const isCatchingUp = this.#clock.nowMs() < this.#keepUntilMs;
    for (const service of services) {
      const found = rows.filter((row) => row.service === service).map(toInstance);
      const kept = isCatchingUp ? (this.#lastRead.get(service) ?? []) : [];
      const instances = [...new Map([...kept, ...found].map((instance) => [instance.id, instance])).values()];
      this.#lastRead.set(service, instances);
      this.#lists.get(service)?.set(instances);
    }
  }
}

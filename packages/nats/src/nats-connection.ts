import type { Logger, ServiceError } from '@banyan/core';
import { isServiceError } from '@banyan/core';
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, errors, type NatsConnection } from '@nats-io/transport-node';
import { natsError } from './errors.ts';
import type { NatsUrl } from './nats-url.ts';

/** One connection to a NATS cluster, which mends itself for as long as it is open. */
export interface JetStreamConnection {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  /**
   * Runs requests to the server.
   * @throws ServiceError `nats_unavailable`, at once while there is no connection; `nats_denied`
   */
  ask<T>(request: () => Promise<T>): Promise<T>;
  readonly isUp: boolean;
  /** Calls `listener` whenever the connection breaks or closes: what was in flight may be lost. Returns a function that ends it. */
  onDown(listener: (error: ServiceError) => void): () => void;
  /** Calls `listener` when the server refuses to take messages of a subject; it does not say which. Returns a function that ends it. */
  onDenied(listener: DeniedListener): () => void;
  close(): Promise<void>;
}

type DeniedListener = (subject: string, error: ServiceError) => void;

export interface ConnectOptions {
  readonly url: NatsUrl;
  readonly requestTimeoutMs: number;
  readonly logger: Logger;
}

/** @throws ServiceError `nats_unavailable`, `nats_denied` */
export async function openConnection(options: ConnectOptions): Promise<JetStreamConnection> {
  const { url, requestTimeoutMs } = options;
  try {
    const nc = await connect({
      servers: [...url.servers],
      name: `banyan ${url.name}`,
      timeout: requestTimeoutMs,
      ...(url.isTls && { tls: {} }),
      ...(url.user !== undefined && { user: url.user, pass: url.password ?? '' }),
      ...(url.token !== undefined && { token: url.token }),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      reconnectJitter: 250,
      // A server whose users are being changed refuses for a while; an end for good would need a restart of the process.
      ignoreAuthErrorAbort: true,
      pingInterval: 10_000,
      maxPingOut: 2,
    });
    const jsm = await jetstreamManager(nc, { timeout: requestTimeoutMs, checkAPI: false });
    return new MendingConnection(nc, jsm, options);
  } catch (error) {
    throw toNatsError(error);
  }
}

class MendingConnection implements JetStreamConnection {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly #logger: Logger;
  readonly #listeners = new Set<(error: ServiceError) => void>();
  readonly #deniedListeners = new Set<DeniedListener>();
  #isUp = true;

  constructor(nc: NatsConnection, jsm: JetStreamManager, { logger, requestTimeoutMs }: ConnectOptions) {
    this.nc = nc;
    this.jsm = jsm;
    this.js = jetstream(nc, { timeout: requestTimeoutMs });
    this.#logger = logger;
    this.#watch().catch((error: unknown) => logger.error('the NATS connection is not watched', { error }));
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  async ask<T>(request: () => Promise<T>): Promise<T> {
    if (this.nc.isClosed()) throw natsError('nats_log_closed');
    if (!this.#isUp) throw natsError('nats_unavailable');
    try {
      return await request();
    } catch (error) {
      throw toNatsError(error);
    }
  }

  onDown(listener: (error: ServiceError) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onDenied(listener: DeniedListener): () => void {
    this.#deniedListeners.add(listener);
    return () => this.#deniedListeners.delete(listener);
  }

  async close(): Promise<void> {
    if (!this.nc.isClosed()) await this.nc.close();
  }

  async #watch(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === 'disconnect') {
        this.#isUp = false;
        this.#logger.warn('the connection to NATS is lost', { server: status.server });
        this.#tell(natsError('nats_unavailable'));
      } else if (status.type === 'reconnect') {
        this.#isUp = true;
        this.#logger.info('connected to NATS again', { server: status.server });
      } else if (status.type === 'error') {
        this.#logger.error('NATS reports an error', { error: status.error });
        this.#tellIfDenied(status.error);
      }
    }
    this.#isUp = false;
    this.#tell(natsError('nats_log_closed'));
  }

  #tellIfDenied(error: Error): void {
    if (!(error instanceof errors.PermissionViolationError) || error.operation !== 'publish') return;
    for (const listener of [...this.#deniedListeners]) listener(error.subject, toNatsError(error));
  }

  #tell(error: ServiceError): void {
    for (const listener of [...this.#listeners]) listener(error);
  }
}

/** Everything that is not known to be final is worth another try. */
export function toNatsError(cause: unknown): ServiceError {
  if (isServiceError(cause)) return cause;
  const isDenied =
    cause instanceof errors.AuthorizationError ||
    cause instanceof errors.UserAuthenticationExpiredError ||
    cause instanceof errors.PermissionViolationError;
  return natsError(isDenied ? 'nats_denied' : 'nats_unavailable', { cause });
}

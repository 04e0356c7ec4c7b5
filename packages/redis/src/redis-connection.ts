import { type Clock, isServiceError, type Logger, type ServiceError, systemClock } from '@banyan/core';
import { createDeadlineWheel, type DeadlineWheel } from '@banyan/resilience';
import { createClient, ErrorReply } from '@redis/client';
import { redisError } from './errors.ts';
import { parseRedisUrl } from './redis-url.ts';

export interface RedisConnectionOptions {
  /** `redis://host:6379/0?prefix=banyan`, or `rediss://` for TLS. */
  readonly url: string;
  readonly clock?: Clock;
  readonly logger: Logger;
}

/** Any reply that our commands give. */
export type RedisReply = string | number | null | Buffer | readonly RedisReply[];

/**
 * One connection to Redis, which is made in the background and again whenever it is lost. The first commands wait until it is made or cannot be;
 * while Redis is away they are refused at once. One that is not answered within two seconds is refused and ends the connection, which may lead
 * nowhere.
 */
export interface RedisConnection {
  /** The name of a key in Redis. */
  key(name: string): string;
  /**
   * Sends one command; those of one turn of the event loop travel together.
   * @throws ServiceError `unavailable` `redis_unavailable`, `redis_refused`
   */
  send(command: readonly (string | Buffer)[]): Promise<RedisReply>;
  /** Runs a script that Redis keeps by its digest; `keys` are full names. @throws as `send` */
  run(script: RedisScript, keys: readonly string[], parameters: readonly string[]): Promise<RedisReply>;
  /** Ends the connection; what is under way is refused. Idempotent. */
  close(): Promise<void>;
}

/** A Lua script, and its SHA-1 in hexadecimal digits. */
export interface RedisScript {
  readonly text: string;
  readonly sha1: string;
}

/** @throws ServiceError `failed_precondition` `redis_url_invalid` */
export function connectRedis(options: RedisConnectionOptions): RedisConnection {
  return new ReconnectingConnection(options);
}

const answerWithinMs = 2_000;
const maxReconnectDelayMs = 1_000;
/** More than this many unanswered commands mean that Redis does not keep up; further ones are refused. */
const maxUnanswered = 10_000;

type Client = ReturnType<typeof openClient>;

class ReconnectingConnection implements RedisConnection {
  readonly #url: string;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #wheel: DeadlineWheel;
  #client: Client;
  #isClosed = false;
  /** Resolves when the first connection is made, or cannot be; undefined from then on. */
  #first: PromiseWithResolvers<void> | undefined = Promise.withResolvers<void>();
  #isAway = false;

  constructor({ url, clock = systemClock, logger }: RedisConnectionOptions) {
    const settings = parseRedisUrl(url);
    this.#url = settings.url;
    this.#prefix = settings.prefix;
    this.#clock = clock;
    this.#logger = logger;
    this.#wheel = createDeadlineWheel({ clock });
    this.#client = this.#open();
  }

  key(name: string): string {
    return `${this.#prefix}:${name}`;
  }

  async send(command: readonly (string | Buffer)[]): Promise<RedisReply> {
    if (this.#first !== undefined) await this.#first.promise;
    return this.#send(command);
  }

  #send(command: readonly (string | Buffer)[]): Promise<RedisReply> {
    const client = this.#client;
    if (!client.isReady) return Promise.reject(redisError('redis_unavailable'));
    return new Promise((resolve, reject) => {
      const deadline = this.#wheel.add(this.#clock.nowMs() + answerWithinMs, {
        expire: () => {
          reject(redisError('redis_unavailable'));
          this.#replace(client);
        },
      });
      client.sendCommand<RedisReply>(command).then(
        (reply) => {
          this.#wheel.cancel(deadline);
          resolve(reply);
        },
        (error: unknown) => {
          this.#wheel.cancel(deadline);
          reject(toRedisError(error));
        },
      );
    });
  }

  async run(
    { text, sha1 }: RedisScript,
    keys: readonly string[],
    parameters: readonly string[],
  ): Promise<RedisReply> {
    const rest = [String(keys.length), ...keys, ...parameters];
    try {
      return await this.send(['EVALSHA', sha1, ...rest]);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return this.send(['EVAL', text, ...rest]);
    }
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#firstIsKnown();
    this.#client.destroy();
    return Promise.resolve();
  }

  #open(): Client {
    const client = openClient(this.#url);
    // Without a listener the client would end the process. It reconnects by itself.
    client.on('error', (cause: unknown) => this.#lost(client, cause));
    client.on('ready', () => {
      if (this.#isAway) this.#logger.info('Redis answers again');
      this.#isAway = false;
      this.#firstIsKnown();
    });
    client.connect().catch((cause: unknown) => this.#lost(client, cause));
    return client;
  }

  #firstIsKnown(): void {
    this.#first?.resolve();
    this.#first = undefined;
  }

  /** Said once for each outage. */
  #lost(client: Client, cause: unknown): void {
    this.#firstIsKnown();
    if (this.#isClosed || client !== this.#client || this.#isAway) return;
    this.#isAway = true;
    this.#logger.warn('Redis does not answer; trying again', { error: toRedisError(cause) });
  }

  #replace(client: Client): void {
    if (this.#isClosed || client !== this.#client) return;
    this.#lost(client, undefined);
    this.#client = this.#open();
    client.destroy();
  }
}

function openClient(url: string) {
  return createClient({
    url,
    RESP: 2,
    // Whoever waits for an answer would wait for the reconnection, too.
    disableOfflineQueue: true,
    commandsQueueMaxLength: maxUnanswered,
    disableClientInfo: true,
    socket: {
      connectTimeout: answerWithinMs,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** Math.min(retries, 10), maxReconnectDelayMs),
    },
  });
}

function isUnknownScript(error: unknown): boolean {
  return (
    isServiceError(error) && error.cause instanceof ErrorReply && error.cause.message.startsWith('NOSCRIPT')
  );
}

function toRedisError(cause: unknown): ServiceError {
  return redisError(cause instanceof ErrorReply ? 'redis_refused' : 'redis_unavailable', { cause });
}

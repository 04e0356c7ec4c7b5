import type { Logger } from '@banyan/core';
import { Client, type ClientConfig } from 'pg';
import { toConnectError } from './database-errors.ts';
import { quoteIdentifier } from './names.ts';

/** `undefined` after a reconnect: anything may have been notified in the meantime. */
export type NotificationListener = (payload: string | undefined) => void;

export interface Listener {
  close(): Promise<void>;
}

interface ListenerOptions {
  readonly channel: string;
  readonly listener: NotificationListener;
  readonly client: ClientConfig;
  readonly logger: Logger;
}

const firstDelayMs = 50;
const maxDelayMs = 5_000;
const probeEveryMs = 15_000;

/** `LISTEN` on a connection of its own that is replaced whenever it breaks. */
export function createListener(options: ListenerOptions): { start(): Promise<void>; stop(): Promise<void> } {
  return new ChannelListener(options);
}

class ChannelListener {
  readonly #options: ListenerOptions;
  readonly #command: string;
  #client: Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #delayMs = firstDelayMs;
  #stopped = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#command = `listen ${quoteIdentifier(options.channel)}`;
  }

  async start(): Promise<void> {
    try {
      await this.#connect();
    } catch (cause) {
      throw toConnectError(cause);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#client?.end();
  }

  async #connect(): Promise<void> {
    const client = new Client({ ...this.#options.client, connectionTimeoutMillis: 5_000 });
    this.#client = client;
    client.on('error', (error) => this.#options.logger.debug('the listening connection broke', { error }));
    client.on('notification', ({ payload }) => this.#notify(payload ?? ''));
    await client.connect();
    try {
      await client.query(this.#command);
    } catch (error) {
      await client.end();
      throw error;
    }
    client.once('end', () => this.#reconnectLater());
    this.#delayMs = firstDelayMs;
    this.#probeLater(client);
  }

  /** A peer that vanished without a word is noticed only by asking it something. */
  #probeLater(client: Client): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const overdue = setTimeout(() => client.connection.stream.destroy(), 5_000);
      overdue.unref();
      client.query('select 1', (error: Error | undefined) => {
        clearTimeout(overdue);
        if (!error) this.#probeLater(client);
      });
    }, probeEveryMs);
    this.#timer.unref();
  }

  #reconnectLater(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const delayMs = this.#delayMs * (0.5 + Math.random() / 2);
    this.#delayMs = Math.min(this.#delayMs * 2, maxDelayMs);
    this.#timer = setTimeout(() => void this.#reconnect(), delayMs);
  }

  async #reconnect(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      this.#options.logger.debug('cannot listen yet', { channel: this.#options.channel, error });
      this.#reconnectLater();
      return;
    }
    if (this.#stopped) await this.#client?.end();
    else this.#notify(undefined);
  }

  #notify(payload: string | undefined): void {
    if (this.#stopped) return;
    try {
      this.#options.listener(payload);
    } catch (error) {
      this.#options.logger.error('a notification listener failed', { channel: this.#options.channel, error });
    }
  }
}

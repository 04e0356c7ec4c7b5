import { type Logger, uuidv7 } from '@banyan/core';
import type { PostgresDatabase } from '../database.ts';
import type { Listener } from '../listener.ts';

export interface WakeChannelOptions {
  readonly database: PostgresDatabase;
  /** Of `listen` and `notify`. */
  readonly channel: string;
  readonly logger: Logger;
  /** Announcements that carry this name are not heard: whoever sent them has woken this process itself. Default one of its own. */
  readonly sender?: string;
  /** Called with what other processes announced; with undefined when that is not known, as after a gap in the hearing. */
  readonly onWake: (topics: readonly string[] | undefined) => void;
}

/** Under load a commit every few microseconds would be announced; each announcement is a transaction. */
const gatherMs = 10;
const retryMs = 5_000;
/** PostgreSQL takes 8,000 bytes; a longer list of topics is left out and everybody looks. */
const maxPayloadLength = 7_000;

/**
 * Wakes the same channel in other processes (`listen`, `notify`). Only hints: whoever waits for one polls as well. The first announcement is sent at once,
 * later ones are gathered; always outside of any transaction, because those that notify commit one after the other.
 */
export class WakeChannel {
  readonly #options: WakeChannelOptions;
  readonly #sender: string;
  readonly #topics = new Set<string>();
  #listener: Promise<Listener> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isDue = false;
  #sending: Promise<void> | undefined;
  #closed = false;

  constructor(options: WakeChannelOptions) {
    this.#options = options;
    this.#sender = options.sender ?? uuidv7();
  }

  /** Begins to hear of other processes. Never rejects: without a connection it tries again. */
  listen(): Promise<void> {
    if (this.#closed || this.#listener !== undefined) return Promise.resolve();
    clearTimeout(this.#retry);
    const { database, channel, logger } = this.#options;
    const listener = database.listen(channel, (payload) => this.#hear(payload));
    this.#listener = listener;
    return listener.then(
      () => {},
      (error) => {
        logger.debug('cannot listen yet', { channel, error });
        this.#listener = undefined;
        if (!this.#closed) this.#retry = setTimeout(() => void this.listen(), retryMs).unref();
      },
    );
  }

  /** Never throws. */
  announce(topics: Iterable<string> = []): void {
    for (const topic of topics) this.#topics.add(topic);
    this.#isDue = true;
    if (!this.#closed) this.#sending ??= this.#send();
  }

  /** Stops hearing; what is being sent is waited for. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#sending;
    const listener = await this.#listener?.catch(() => undefined);
    await listener?.close();
  }

  #hear(payload: string | undefined): void {
    const [sender, ...topics] = payload?.split(' ') ?? [];
    // Our own announcements were heard before they were sent.
    if (sender !== this.#sender) this.#options.onWake(topics.length === 0 ? undefined : topics);
  }

  async #send(): Promise<void> {
    const { database, channel, logger } = this.#options;
    while (this.#isDue && !this.#closed) {
      const list = [this.#sender, ...this.#topics].join(' ');
      this.#isDue = false;
      this.#topics.clear();
      try {
        await database.sql`select pg_notify(${channel}, ${list.length > maxPayloadLength ? this.#sender : list})`;
      } catch (error) {
        logger.debug('other processes could not be woken; they will find it themselves', { channel, error });
      }
      await new Promise((resolve) => setTimeout(resolve, gatherMs));
    }
    this.#sending = undefined;
  }
}

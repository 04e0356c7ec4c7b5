import { type Logger, uuidv7 } from '@banyan/core';
import type { EventStoreDatabase } from './event-store.ts';

export const eventChannel = 'banyan_event';
const gatherMs = 20;
const retryMs = 5_000;

interface SignalOptions {
  readonly database: EventStoreDatabase;
  readonly logger: Logger;
  /** Another process has forgotten a subject, or may have. */
  readonly onForget: () => void;
}

/**
 * Wakes readers of the log: in this process at once, in others by `notify`. Only a hint: readers poll as well. Sent outside of the transactions that
 * append, because those that notify commit one after the other, and gathered, because one wake-up is as good as many.
 */
export class AppendSignal {
  readonly #options: SignalOptions;
  readonly #sender = uuidv7();
  readonly #listeners = new Set<() => void>();
  #listening: { close(): Promise<void> } | 'opening' | undefined;
  #isDue = false;
  #isSending = false;

  constructor(options: SignalOptions) {
    this.#options = options;
  }

  on(listener: () => void): () => void {
    this.#listeners.add(listener);
    void this.#listen();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#unlisten();
    };
  }

  /** Never throws. */
  announce(): void {
    this.#wake();
    this.#isDue = true;
    if (!this.#isSending) void this.#send();
  }

  #wake(): void {
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        this.#options.logger.error('a listener of the event store failed', { error });
      }
    }
  }

  async #send(): Promise<void> {
    const { database, logger } = this.#options;
    this.#isSending = true;
    while (this.#isDue) {
      this.#isDue = false;
      try {
        await database.sql`select pg_notify(${eventChannel}, ${this.#sender})`;
      } catch (error) {
        logger.debug('other processes could not be woken; they will find the events themselves', { error });
      }
      await new Promise((resolve) => setTimeout(resolve, gatherMs).unref());
    }
    this.#isSending = false;
  }

  async #listen(): Promise<void> {
    const { database, logger } = this.#options;
    if (database.listen === undefined || this.#listening !== undefined) return;
    this.#listening = 'opening';
    try {
      const listening = await database.listen(eventChannel, (payload) => this.#hear(payload));
      this.#listening = listening;
      if (this.#listeners.size === 0) this.#unlisten();
    } catch (error) {
      logger.debug('cannot listen for events yet', { error });
      this.#listening = undefined;
      setTimeout(() => this.#listeners.size > 0 && void this.#listen(), retryMs).unref();
    }
  }

  #unlisten(): void {
    const listening = this.#listening;
    if (listening === undefined || listening === 'opening') return;
    this.#listening = undefined;
    listening
      .close()
      .catch((error) => this.#options.logger.debug('listening for events did not end well', { error }));
  }

  /** `undefined` after a gap in the hearing, in which anything may have been said. */
  #hear(payload: string | undefined): void {
    if (payload === undefined || payload === 'forget') this.#options.onForget();
    if (payload !== this.#sender) this.#wake();
  }
}

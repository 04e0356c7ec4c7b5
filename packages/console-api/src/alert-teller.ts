import { type Clock, type Logger, sleep } from '@banyan/core';
import type { News, TelemetryStore } from '@banyan/telemetry-store';

/** Somebody who is told of alerts, and of errors that have appeared: a webhook, or what sends e-mail. */
export interface AlertNotifier {
  /**
   * Also when an alert has ended: with `endedAt`. The same news may come again; an alert's id with its state, and the key of errors, tell it.
   * @param signal aborts when nobody waits for it any longer
   * @throws if it could not be told
   */
  notify(news: News, signal: AbortSignal): Promise<void>;
}

export interface AlertTellerOptions {
  readonly store: Pick<TelemetryStore, 'claimNotice' | 'noticeTold' | 'noticeFailed'>;
  /** By the names of the store's `alertChannels`. */
  readonly notifiers: Readonly<Record<string, AlertNotifier>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const lookEveryMs = 1_000;
/** Shorter than a claim of the store, so that nobody else tells it meanwhile. */
const patienceMs = 30_000;

/**
 * Tells what the store has to tell, each notice at least once, whatever ends in between: what fails is tried again with a back-off for a day, also by the next
 * process. One notifier that fails or is slow keeps nothing from another.
 * @returns a function that ends it, and resolves when nobody is being told any more; it waits for no notifier
 */
export function tellAlerts({ notifiers, ...options }: AlertTellerOptions): () => Promise<void> {
  const stopping = new AbortController();
  const channels = Object.entries(notifiers).map(([channel, notifier]) =>
    new AlertChannel(channel, notifier, { ...options, signal: stopping.signal }).run(),
  );
  return async () => {
    stopping.abort();
    await Promise.all(channels);
  };
}

interface ChannelOptions extends Omit<AlertTellerOptions, 'notifiers'> {
  readonly signal: AbortSignal;
}

class AlertChannel {
  readonly #channel: string;
  readonly #notifier: AlertNotifier;
  readonly #options: ChannelOptions;

  constructor(channel: string, notifier: AlertNotifier, options: ChannelOptions) {
    this.#channel = channel;
    this.#notifier = notifier;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { clock, logger, signal } = this.#options;
    let isStoreAway = false;
    while (await isPast(sleep(lookEveryMs, clock, signal))) {
      try {
        while (!signal.aborted && (await this.#tellNext()));
        isStoreAway = false;
      } catch (error) {
        const fields = { channel: this.#channel, error };
        if (!isStoreAway) logger.warn('nobody knows whom to tell of alerts; trying on', fields);
        isStoreAway = true;
      }
    }
  }

  /** @returns false if there is nothing to tell */
  async #tellNext(): Promise<boolean> {
    const { store, logger, signal } = this.#options;
    const notice = await store.claimNotice(this.#channel);
    if (notice === undefined) return false;
    const { noticeId, news, attempts } = notice;
    try {
      await this.#tell(news);
    } catch (error) {
      // The next process tells it, when the claim has ended.
      if (signal.aborted) return false;
      const about = news.kind === 'alert' ? { alertId: news.alert.alertId } : { errorKey: news.error.key };
      const fields = { ...about, channel: this.#channel, attempt: attempts + 1, error };
      logger.warn('nobody could be told of an alert; trying on', fields);
      await store.noticeFailed(notice);
      return true;
    }
    await store.noticeTold(noticeId);
    return true;
  }

  async #tell(news: News): Promise<void> {
    const { clock, signal: stopping } = this.#options;
    stopping.throwIfAborted();
    const ended = new AbortController();
    const signal = AbortSignal.any([stopping, ended.signal]);
    const late = sleep(patienceMs, clock, signal).then(() => {
      throw new Error(`no answer within ${patienceMs / 1_000} s`);
    });
    try {
      await Promise.race([this.#notifier.notify(news, signal), late]);
    } finally {
      ended.abort();
    }
  }
}

function isPast(sleeping: Promise<void>): Promise<boolean> {
  return sleeping.then(
    () => true,
    () => false,
  );
}

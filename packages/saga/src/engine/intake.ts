import type { Clock, Logger } from '@banyan/core';
import type { SagaRow, SagaStore } from '../saga-store.ts';

/** Whoever has the rows in hand. */
export interface Hands {
  /** For so many more. */
  readonly room: number;
  has(id: string): boolean;
  /** Letters that are known of; undefined if it is not in hand. */
  mailCountOf(id: string): number | undefined;
  adopt(rows: readonly SagaRow[]): void;
  /** Letters have come. */
  deliver(row: SagaRow): void;
}

export interface IntakeOptions {
  readonly store: Pick<SagaStore, 'claim' | 'owned' | 'load'>;
  /** `createOrder@1` */
  readonly definitions: readonly string[];
  readonly hands: Hands;
  readonly token: () => number | undefined;
  readonly pollMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

const lookIntervalMs = 4_000;
const maxClaim = 500;

/** Brings a worker the rows that are due, those of dead workers, and those that are its own without its knowing. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #ownButNotInHand = new Set<string>();
  #cancelPoll = () => {};
  #cancelLook = () => {};
  #isPolling = false;
  #isPoked = false;
  #isStopped = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  start(): void {
    this.#pollAfter(0);
    this.#lookLater();
  }

  /** Looks now instead of later. */
  poke(): void {
    this.#isPoked = true;
    if (!this.#isPolling) this.#pollAfter(0);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelPoll();
    this.#cancelLook();
  }

  #pollAfter(delayMs: number): void {
    this.#cancelPoll();
    if (this.#isStopped) return;
    this.#cancelPoll = this.#options.clock.setTimer(() => void this.#poll(), delayMs);
  }

  async #poll(): Promise<void> {
    const { hands, pollMs, random, logger } = this.#options;
    const limit = Math.min(hands.room, maxClaim);
    this.#isPolling = true;
    this.#isPoked = false;
    let taken = 0;
    try {
      if (limit > 0) taken = await this.#claim(limit);
    } catch (error) {
      // What an unsure claim took is found by the next look at what this worker owns.
      if (!this.#isStopped) logger.debug('due sagas could not be read; trying again', { error });
    } finally {
      this.#isPolling = false;
    }
    const isMore = this.#isPoked || (taken > 0 && taken === limit);
    this.#pollAfter(isMore ? 0 : pollMs * (0.75 + random() / 2));
  }

  async #claim(limit: number): Promise<number> {
    const { store, definitions, hands } = this.#options;
    const token = this.#options.token();
    if (token === undefined) return 0;
    const rows = await store.claim(token, definitions, limit);
    if (!this.#isStopped && this.#options.token() === token) hands.adopt(rows);
    return rows.length;
  }

  #lookLater(): void {
    this.#cancelLook = this.#options.clock.setTimer(() => {
      void this.#look().finally(() => {
        if (!this.#isStopped) this.#lookLater();
      });
    }, lookIntervalMs);
  }

  /** Rows that are ours by the database's word, but not in hand: a commit or a claim whose answer was lost. And letters that came meanwhile. */
  async #look(): Promise<void> {
    const { store, hands, logger } = this.#options;
    const token = this.#options.token();
    if (token === undefined) return;
    try {
      const owned = await store.owned(token);
      const wanted = [...this.#findLost(owned.map(({ id }) => id)), ...this.#findUnread(owned)];
      if (wanted.length === 0) return;
      const rows = await store.load(token, wanted);
      if (this.#isStopped || this.#options.token() !== token) return;
      for (const row of rows) {
        if (hands.has(row.id)) hands.deliver(row);
        else hands.adopt([row]);
      }
    } catch (error) {
      if (!this.#isStopped) logger.debug('the own sagas could not be read; trying again', { error });
    }
  }

  /** Twice in a row: a transaction that starts sagas may have committed a moment ago. */
  #findLost(owned: readonly string[]): readonly string[] {
    const suspects = owned.filter((id) => !this.#options.hands.has(id));
    const lost = suspects.filter((id) => this.#ownButNotInHand.has(id));
    this.#ownButNotInHand.clear();
    for (const id of suspects) this.#ownButNotInHand.add(id);
    return lost;
  }

  #findUnread(owned: readonly { readonly id: string; readonly mailCount: number }[]): readonly string[] {
    const isUnread = (id: string, count: number) => {
      const seen = this.#options.hands.mailCountOf(id);
      return seen !== undefined && count > seen;
    };
    return owned.filter(({ id, mailCount }) => isUnread(id, mailCount)).map(({ id }) => id);
  }
}

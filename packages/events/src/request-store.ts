import type { Sql } from '@banyan/core';

/** A message that wants a reply, or an event that answers are gathered for. */
export interface NewRequest {
  /** Of the message or event: what answers refer to. */
  readonly id: string;
  /** `stock.reserve`: what was asked. */
  readonly about: string;
  /**
   * The instance that waits in memory for what comes. Its answers are refused once the time is over; others are taken whenever they come.
   * Undefined if nobody waits.
   */
  readonly waiter: string | undefined;
  /** From now; afterwards nobody waits any more. */
  readonly expiresInMs: number;
  /** URL to pass the answer on to. */
  readonly callback: string | undefined;
}

export interface NewAnswer {
  readonly requestId: string;
  /** The answering service. One service answers a request once: a second answer of it is left out. */
  readonly from: string;
  readonly data: unknown;
}

/** `late`: the time was over, or the request is not known, or no longer; nothing was recorded but that it came. */
export type AnswerVerdict =
  | {
      readonly kind: 'taken';
      readonly waiter: string | undefined;
      readonly callback: string | undefined;
    }
  | { readonly kind: 'late'; readonly isKnown: boolean };

export interface StoredAnswer {
  readonly from: string;
  readonly data: unknown;
}

export interface StoredRequest {
  readonly about: string;
  /** `answered` if there is one answer or more; else `waiting`, until the time is over: `expired`. */
  readonly state: 'waiting' | 'answered' | 'expired';
  /** In the order in which they came. */
  readonly answers: readonly StoredAnswer[];
}

export interface RequestCounts {
  readonly waiting: number;
  readonly answered: number;
  readonly expired: number;
  /** Answers that came too late for one who waited, as far as their requests are still kept. */
  readonly late: number;
}

/**
 * What one service has asked others by message, and what they answered, kept in its own database (request-reply and correlation identifier patterns).
 *
 * - **Atomicity**: `open` and `answer` take effect with the transaction they run in.
 * - **Once**: an answer is taken or late, never both; `close` decides for whoever waits.
 * - **Time** is measured by the database's clock alone.
 * - **Concurrency**: all methods may be called at the same time, from any number of processes.
 * - **Close**: holds nothing beside the database that it was given, except for a listening connection while somebody listens.
 */
export interface RequestStore {
  /** Records requests in the transaction of `sql`. */
  open(sql: Sql, requests: readonly NewRequest[]): Promise<void>;
  /** Records an answer in the transaction of `sql`. */
  answer(sql: Sql, answer: NewAnswer): Promise<AnswerVerdict>;
  /** Undefined if it is not known, or no longer. */
  read(id: string): Promise<StoredRequest | undefined>;
  /** Ends the waiting: answers that were taken are returned, all later ones are late. */
  close(id: string): Promise<StoredRequest | undefined>;
  counts(): Promise<RequestCounts>;
  /** Forgets requests whose time was over more than `olderThanMs` ago, answered or not, in small steps; returns how many. */
  prune(olderThanMs: number): Promise<number>;
  /** Calls `listener` soon after `announce` in another process. A hint: it may come twice or never, and without an id when any may have been missed. */
  onAnswer(listener: (requestId: string | undefined) => void): () => void;
  /** Tells other processes that an answer was committed. Outside of any transaction; never throws. */
  announce(requestId: string): void;
}

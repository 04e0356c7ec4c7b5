import type { Clock, Sql } from '@banyan/core';
import type {
  AnswerVerdict,
  NewAnswer,
  NewRequest,
  RequestCounts,
  RequestStore,
  StoredAnswer,
  StoredRequest,
} from '../request-store.ts';
import type { MemoryTransactions } from './memory-transactions.ts';

/** Requests in memory, for unit tests: nothing survives the process. */
export function createMemoryRequestStore(transactions: MemoryTransactions, clock: Clock): RequestStore {
  return new MemoryRequestStore(transactions, clock);
}

interface Kept extends NewRequest {
  readonly expiresAtMs: number;
  answers: readonly StoredAnswer[];
  late: number;
  isClosed: boolean;
  /** The transaction that answers, and its end: whoever comes later waits for it. */
  lock: { readonly sql: Sql; readonly ended: Promise<void> } | undefined;
}

class MemoryRequestStore implements RequestStore {
  readonly #transactions: MemoryTransactions;
  readonly #clock: Clock;
  readonly #requests = new Map<string, Kept>();
  readonly #listeners = new Set<(requestId: string | undefined) => void>();

  constructor(transactions: MemoryTransactions, clock: Clock) {
    this.#transactions = transactions;
    this.#clock = clock;
  }

  async open(sql: Sql, requests: readonly NewRequest[]): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const kept = requests.map((request): [string, Kept] => [
      request.id,
      {
        ...request,
        expiresAtMs: nowMs + request.expiresInMs,
        answers: [],
        late: 0,
        isClosed: false,
        lock: undefined,
      },
    ]);
    this.#transactions.enlist(sql, {
      commit: () => {
        for (const [id, request] of kept) this.#requests.set(id, request);
      },
      rollBack() {},
    });
  }

  async answer(sql: Sql, { requestId, from, data }: NewAnswer): Promise<AnswerVerdict> {
    const request = this.#requests.get(requestId);
    if (request === undefined) return { kind: 'late', isKnown: false };
    await this.#lock(sql, request);
    const before = { answers: request.answers, late: request.late };
    this.#transactions.enlist(sql, { commit() {}, rollBack: () => void Object.assign(request, before) });
    if (request.isClosed || (request.waiter !== undefined && this.#isOver(request))) {
      request.late += 1;
      return { kind: 'late', isKnown: true };
    }
    const isNew = request.answers.every((answer) => answer.from !== from);
    // A copy as JSON, as a database keeps it.
    if (isNew)
      request.answers = [...request.answers, { from, data: JSON.parse(JSON.stringify(data)) as unknown }];
    return {
      kind: 'taken',
      waiter: request.waiter,
      callback: isNew ? request.callback : undefined,
    };
  }

  async read(id: string): Promise<StoredRequest | undefined> {
    const request = this.#requests.get(id);
    if (request === undefined) return undefined;
    await request.lock?.ended;
    const { about, answers } = request;
    return { about, state: this.#stateOf(request), answers };
  }

  async close(id: string): Promise<StoredRequest | undefined> {
    const request = this.#requests.get(id);
    while (request?.lock !== undefined) await request.lock.ended;
    if (request !== undefined) request.isClosed = true;
    return this.read(id);
  }

  async counts(): Promise<RequestCounts> {
    const counts = { waiting: 0, answered: 0, expired: 0, late: 0 };
    for (const request of this.#requests.values()) {
      counts[this.#stateOf(request)] += 1;
      counts.late += request.late;
    }
    return counts;
  }

  async prune(olderThanMs: number): Promise<number> {
    const sizeBefore = this.#requests.size;
    for (const [id, { expiresAtMs }] of this.#requests) {
      if (expiresAtMs < this.#clock.nowMs() - olderThanMs) this.#requests.delete(id);
    }
    return sizeBefore - this.#requests.size;
  }

  onAnswer(listener: (requestId: string | undefined) => void): () => void {
    // The same function may listen twice.
    const own = (requestId: string | undefined) => listener(requestId);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  announce(requestId: string): void {
    for (const listener of this.#listeners) queueMicrotask(() => listener(requestId));
  }

  /** From here to the end of the transaction, so that an answer that is about to be committed and a `close` know of each other. */
  async #lock(sql: Sql, request: Kept): Promise<void> {
    while (request.lock !== undefined && request.lock.sql !== sql) await request.lock.ended;
    if (request.lock !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    request.lock = { sql, ended: promise };
    const release = () => {
      request.lock = undefined;
      resolve();
    };
    this.#transactions.enlist(sql, { commit: release, rollBack: release });
  }

  #isOver({ isClosed, expiresAtMs }: Kept): boolean {
    return isClosed || expiresAtMs <= this.#clock.nowMs();
  }

  #stateOf(request: Kept): StoredRequest['state'] {
    if (request.answers.length > 0) return 'answered';
    return this.#isOver(request) ? 'expired' : 'waiting';
  }
}

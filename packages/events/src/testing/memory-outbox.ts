import { type Clock, ServiceError, type Sql } from '@banyan/core';
import type { CloudEvent } from '../cloud-event.ts';
import { type EncodedEvent, toEncodedEvent } from '../encoded-event.ts';
import type { AppendOptions, Outbox, OutboxCursor, OutboxPage, RelayLease } from '../outbox.ts';
import type { MemoryTransactions } from './memory-transactions.ts';

export function createMemoryOutbox(transactions: MemoryTransactions, clock: Clock): Outbox {
  return new MemoryOutbox(transactions, clock);
}

interface Row {
  readonly seq: number;
  readonly event: EncodedEvent;
  readonly appendedAtMs: number;
  isCommitted: boolean;
  publishedAtMs: number | undefined;
  dead: { readonly reason: string; readonly atMs: number } | undefined;
}

/** The highest number passed, and the numbers before it that were not committed then. */
interface Place {
  readonly seq: number;
  readonly gaps: readonly number[];
}

const beginning: Place = { seq: 0, gaps: [] };

class MemoryOutbox implements Outbox {
  readonly #transactions: MemoryTransactions;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  /** The transaction that appended to a key last, and its end. */
  readonly #tails = new Map<string, { readonly sql: Sql; readonly ended: Promise<void> }>();
  #rows: Row[] = [];
  #delayed: { readonly event: EncodedEvent; readonly dueAtMs: number }[] = [];
  #seq = 0;
  #confirmed: OutboxCursor = JSON.stringify(beginning);
  #lease: { readonly owner: string | undefined; readonly token: number; readonly endsAtMs: number } = {
    owner: undefined,
    token: 0,
    endsAtMs: 0,
  };

  constructor(transactions: MemoryTransactions, clock: Clock) {
    this.#transactions = transactions;
    this.#clock = clock;
  }

  async append(sql: Sql, events: readonly CloudEvent[], { dueAtMs }: AppendOptions = {}): Promise<void> {
    const encoded = events.map(toEncodedEvent);
    if (dueAtMs !== undefined && dueAtMs > this.#clock.nowMs()) {
      const delayed = encoded.map((event) => ({ event, dueAtMs }));
      this.#transactions.enlist(sql, { commit: () => void this.#delayed.push(...delayed), rollBack() {} });
      return;
    }
    await this.#lockKeys(sql, new Set(encoded.map(({ key }) => key)));
    const rows = encoded.map((event) => this.#addRow(event, false));
    this.#transactions.enlist(sql, {
      commit() {
        for (const row of rows) row.isCommitted = true;
      },
      rollBack: () => {
        this.#rows = this.#rows.filter((row) => !rows.includes(row));
      },
    });
  }

  async acquire(owner: string, leaseMs: number): Promise<RelayLease | undefined> {
    const nowMs = this.#clock.nowMs();
    const { owner: holder, token, endsAtMs } = this.#lease;
    const isMine = holder === owner;
    if (!isMine && holder !== undefined && endsAtMs > nowMs) return undefined;
    this.#lease = { owner, token: isMine ? token : token + 1, endsAtMs: nowMs + leaseMs };
    return { owner, token: String(this.#lease.token) };
  }

  async release(lease: RelayLease): Promise<void> {
    if (this.#holds(lease)) this.#lease = { ...this.#lease, owner: undefined };
  }

  async cursor(lease: RelayLease): Promise<OutboxCursor> {
    this.#check(lease);
    return this.#confirmed;
  }

  async read(after: OutboxCursor, limit: number): Promise<OutboxPage> {
    this.#promoteDelayed();
    const place = toPlace(after);
    const unread = this.#rows.filter((row) => row.isCommitted && !isBefore(row, place));
    const page = unread.slice(0, limit);
    const isWhole = page.length === unread.length;
    const seq = isWhole ? this.#seq : Math.max(place.seq, page.at(-1)?.seq ?? 0);
    const read = new Set(page);
    const gaps = this.#rows
      .filter((row) => row.seq <= seq && !isBefore(row, place) && !read.has(row))
      .map((row) => row.seq);
    const events = page.filter((row) => row.dead === undefined).map(({ event }) => event);
    return { events, cursor: JSON.stringify({ seq, gaps }), more: !isWhole };
  }

  async confirm(lease: RelayLease, cursor: OutboxCursor): Promise<void> {
    this.#check(lease);
    this.#confirmed = cursor;
    const place = toPlace(cursor);
    for (const row of this.#rows) {
      if (row.isCommitted && isBefore(row, place)) row.publishedAtMs ??= this.#clock.nowMs();
    }
  }

  async bury(lease: RelayLease, ids: readonly string[], reason: string): Promise<void> {
    this.#check(lease);
    for (const row of this.#rows) {
      if (ids.includes(row.event.id)) row.dead ??= { reason, atMs: this.#clock.nowMs() };
    }
  }

  async deadLetters(limit: number): ReturnType<Outbox['deadLetters']> {
    return this.#rows
      .flatMap(({ event, dead }) => (dead === undefined ? [] : { event, ...dead }))
      .sort((a, b) => a.atMs - b.atMs)
      .slice(0, limit)
      .map(({ event, reason, atMs }) => ({ event, reason, deadAt: new Date(atMs).toISOString() }));
  }

  async rewind(since: string): Promise<number> {
    const sinceMs = Date.parse(since);
    const place = toPlace(this.#confirmed);
    const again = this.#rows.filter(
      (row) =>
        row.isCommitted && row.appendedAtMs >= sinceMs && row.dead === undefined && isBefore(row, place),
    );
    const gaps = [...new Set([...place.gaps, ...again.map(({ seq }) => seq)])].sort((a, b) => a - b);
    this.#confirmed = JSON.stringify({ seq: place.seq, gaps });
    for (const row of again) row.publishedAtMs = undefined;
    this.#lease = { ...this.#lease, token: this.#lease.token + 1 };
    return again.length;
  }

  async backlog(): ReturnType<Outbox['backlog']> {
    this.#promoteDelayed();
    const place = toPlace(this.#confirmed);
    const nowMs = this.#clock.nowMs();
    const dead = this.#rows.filter((row) => row.dead !== undefined).length;
    const waiting = this.#rows.filter(
      (row) => row.isCommitted && row.dead === undefined && !isBefore(row, place),
    );
    return {
      count: waiting.length,
      oldestAgeMs: waiting.reduce((oldest, row) => Math.max(oldest, nowMs - row.appendedAtMs), 0),
      delayed: this.#delayed.length,
      dead,
    };
  }

  async prune(olderThanMs: number): Promise<number> {
    const horizonMs = this.#clock.nowMs() - olderThanMs;
    const before = this.#rows.length;
    this.#rows = this.#rows.filter(
      (row) => row.dead !== undefined || (row.publishedAtMs ?? Number.POSITIVE_INFINITY) >= horizonMs,
    );
    return before - this.#rows.length;
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  announce(): void {
    queueMicrotask(() => {
      for (const listener of [...this.#listeners]) listener();
    });
  }

  /** All keys in one go, so that two transactions cannot wait for each other. */
  async #lockKeys(sql: Sql, keys: ReadonlySet<string>): Promise<void> {
    const earlier = [...keys].flatMap((key) => this.#tails.get(key) ?? []).filter((tail) => tail.sql !== sql);
    const { promise, resolve } = Promise.withResolvers<void>();
    // Whoever comes next waits for this one and, if it holds the key twice, for all that it waited for.
    const ended = Promise.all([promise, ...earlier.map((tail) => tail.ended)]).then(() => {});
    for (const key of keys) this.#tails.set(key, { sql, ended });
    this.#transactions.enlist(sql, { commit: resolve, rollBack: resolve });
    await Promise.all(earlier.map((tail) => tail.ended));
  }

  #addRow(event: EncodedEvent, isCommitted: boolean): Row {
    this.#seq += 1;
    const row: Row = {
      seq: this.#seq,
      event,
      appendedAtMs: this.#clock.nowMs(),
      isCommitted,
      publishedAtMs: undefined,
      dead: undefined,
    };
    this.#rows.push(row);
    return row;
  }

  async releaseDue(): Promise<number | undefined> {
    this.#promoteDelayed();
    const nowMs = this.#clock.nowMs();
    return this.#delayed.reduce<number | undefined>(
      (least, { dueAtMs }) => Math.min(least ?? Number.POSITIVE_INFINITY, dueAtMs - nowMs),
      undefined,
    );
  }

  /** A delayed event gets its number when it is due. */
  #promoteDelayed(): void {
    const nowMs = this.#clock.nowMs();
    const due = this.#delayed.filter(({ dueAtMs }) => dueAtMs <= nowMs).sort((a, b) => a.dueAtMs - b.dueAtMs);
    if (due.length === 0) return;
    this.#delayed = this.#delayed.filter(({ dueAtMs }) => dueAtMs > nowMs);
    for (const { event } of due) this.#addRow(event, true);
  }

  #holds({ owner, token }: RelayLease): boolean {
    return this.#lease.owner === owner && String(this.#lease.token) === token;
  }

  #check(lease: RelayLease): void {
    if (this.#holds(lease)) return;
    throw new ServiceError('Another relay has the lease, or the outbox was rewound.', {
      code: 'aborted',
      reason: 'lease_lost',
    });
  }
}

function toPlace(cursor: OutboxCursor): Place {
  return JSON.parse(cursor) as Place;
}

function isBefore({ seq }: Row, place: Place): boolean {
  return seq <= place.seq && !place.gaps.includes(seq);
}

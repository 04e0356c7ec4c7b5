import { type Clock, ServiceError, type Sql } from '@banyan/core';
import { type CloudEvent, orderingKeyOf } from '../cloud-event.ts';
import type { Checkpoint, Claim, ClaimRequest, DeadLetter, Failure, Inbox, Ingestion } from '../inbox.ts';
import type { MemoryTransactions } from './memory-transactions.ts';

export function createMemoryInbox(transactions: MemoryTransactions, clock: Clock): Inbox {
  return new MemoryInbox(transactions, clock);
}

interface Entry {
  readonly event: CloudEvent;
  readonly receivedAtMs: number;
}

/** The unfinished events of one key, and how the first of them fares. */
interface Queue {
  readonly entries: Entry[];
  readyAtMs: number;
  token: string | undefined;
  owner: string | undefined;
  attempts: number;
  failures: number;
  deferrals: number;
  firstAttemptAtMs: number | undefined;
  deadAtMs: number | undefined;
  reason: string;
  /** True while a transaction that completes the first event is open. */
  isLocked: boolean;
}

class MemoryInbox implements Inbox {
  readonly #transactions: MemoryTransactions;
  readonly #clock: Clock;
  readonly #checkpoints = new Map<string, Checkpoint>();
  readonly #queues = new Map<string, Queue>();
  /** Id of every event known, and when it was finished. */
  readonly #known = new Map<string, number | undefined>();
  #tokens = 0;

  constructor(transactions: MemoryTransactions, clock: Clock) {
    this.#transactions = transactions;
    this.#clock = clock;
  }

  async checkpoint(log: string): Promise<Checkpoint> {
    return this.#checkpoints.get(log) ?? { revision: 0, positions: {} };
  }

  async ingest({ log, from, positions, events }: Ingestion): Promise<Checkpoint | undefined> {
    if ((this.#checkpoints.get(log)?.revision ?? 0) !== from.revision) return undefined;
    const checkpoint = { revision: from.revision + 1, positions };
    this.#checkpoints.set(log, checkpoint);
    for (const event of events) {
      if (this.#known.has(event.id)) continue;
      this.#known.set(event.id, undefined);
      const key = orderingKeyOf(event);
      const queue = this.#queues.get(key) ?? this.#createQueue(key);
      queue.entries.push({ event, receivedAtMs: this.#clock.nowMs() });
    }
    return checkpoint;
  }

  async claim({ owner, limit, leaseMs }: ClaimRequest): Promise<readonly Claim[]> {
    const nowMs = this.#clock.nowMs();
    const claims: Claim[] = [];
    const ready = [...this.#queues.values()].filter((queue) => !queue.isLocked && queue.readyAtMs <= nowMs);
    ready.sort((a, b) => a.readyAtMs - b.readyAtMs);
    for (const queue of ready) {
      const head = queue.entries[0];
      if (head === undefined || claims.length === limit) continue;
      this.#tokens += 1;
      queue.token = String(this.#tokens);
      queue.owner = owner;
      queue.readyAtMs = nowMs + leaseMs;
      queue.attempts += 1;
      queue.firstAttemptAtMs ??= nowMs;
      const { failures, deferrals, token } = queue;
      const sinceFirstAttemptMs = nowMs - queue.firstAttemptAtMs;
      claims.push({
        event: head.event,
        token,
        ref: '',
        attempt: queue.attempts,
        failures,
        deferrals,
        sinceFirstAttemptMs,
      });
    }
    return claims;
  }

  async complete(claim: Claim, sql?: Sql): Promise<void> {
    const queue = this.#heldBy(claim);
    if (queue === undefined) {
      throw new ServiceError('The event was handed to another worker, or is finished already.', {
        code: 'aborted',
        reason: 'lease_lost',
      });
    }
    if (sql === undefined) {
      this.#finishHead(queue);
      return;
    }
    queue.isLocked = true;
    this.#transactions.enlist(sql, {
      commit: () => {
        queue.isLocked = false;
        this.#finishHead(queue);
      },
      rollBack: () => {
        queue.isLocked = false;
      },
    });
  }

  async fail(claim: Claim, { kind, reason, retryAfterMs }: Failure): Promise<boolean> {
    const queue = this.#heldBy(claim);
    if (queue === undefined) return false;
    const nowMs = this.#clock.nowMs();
    queue.readyAtMs = kind === 'dead' ? Number.POSITIVE_INFINITY : nowMs + retryAfterMs;
    if (kind === 'dead') queue.deadAtMs = nowMs;
    if (kind === 'failure') queue.failures += 1;
    if (kind === 'deferral') queue.deferrals += 1;
    queue.reason = reason;
    queue.token = undefined;
    queue.owner = undefined;
    return true;
  }

  async release(owner: string): Promise<number> {
    let count = 0;
    for (const queue of this.#queues.values()) {
      if (queue.owner !== owner) continue;
      queue.readyAtMs = this.#clock.nowMs();
      queue.deferrals += 1;
      queue.token = undefined;
      queue.owner = undefined;
      count += 1;
    }
    return count;
  }

  async deadLetters(limit: number): Promise<readonly DeadLetter[]> {
    return this.#dead()
      .sort((a, b) => a.deadAtMs - b.deadAtMs)
      .slice(0, limit)
      .map(({ queue, head, deadAtMs }) => ({
        event: head.event,
        reason: queue.reason,
        attempts: queue.attempts,
        deadAt: new Date(deadAtMs).toISOString(),
        waiting: queue.entries.length - 1,
      }));
  }

  async retryDeadLetters(eventIds: readonly string[]): Promise<number> {
    const chosen = this.#dead().filter(({ head }) => eventIds.includes(head.event.id));
    for (const { queue } of chosen) this.#reset(queue);
    return chosen.length;
  }

  async discardDeadLetters(eventIds: readonly string[]): Promise<number> {
    const chosen = this.#dead().filter(({ head }) => eventIds.includes(head.event.id));
    for (const { queue } of chosen) this.#finishHead(queue);
    return chosen.length;
  }

  async counts(): ReturnType<Inbox['counts']> {
    const dead = this.#dead();
    const living = [...this.#queues.values()].filter((queue) => queue.deadAtMs === undefined);
    const pending = living.flatMap((queue) => queue.entries);
    const nowMs = this.#clock.nowMs();
    return {
      pending: pending.length,
      dead: dead.length,
      waiting: dead.reduce((sum, { queue }) => sum + queue.entries.length - 1, 0),
      oldestAgeMs: pending.reduce((oldest, { receivedAtMs }) => Math.max(oldest, nowMs - receivedAtMs), 0),
    };
  }

  async prune(olderThanMs: number): Promise<number> {
    const horizonMs = this.#clock.nowMs() - olderThanMs;
    let count = 0;
    for (const [id, finishedAtMs] of this.#known) {
      if (finishedAtMs !== undefined && finishedAtMs < horizonMs) count += this.#known.delete(id) ? 1 : 0;
    }
    for (const [key, queue] of this.#queues) if (queue.entries.length === 0) this.#queues.delete(key);
    return count;
  }

  #createQueue(key: string): Queue {
    const queue: Queue = {
      entries: [],
      readyAtMs: this.#clock.nowMs(),
      token: undefined,
      owner: undefined,
      attempts: 0,
      failures: 0,
      deferrals: 0,
      firstAttemptAtMs: undefined,
      deadAtMs: undefined,
      reason: '',
      isLocked: false,
    };
    this.#queues.set(key, queue);
    return queue;
  }

  #heldBy(claim: Claim): Queue | undefined {
    const queue = this.#queues.get(orderingKeyOf(claim.event));
    return queue?.token === claim.token && !queue.isLocked ? queue : undefined;
  }

  #finishHead(queue: Queue): void {
    const head = queue.entries.shift();
    if (head !== undefined) this.#known.set(head.event.id, this.#clock.nowMs());
    this.#reset(queue);
  }

  #reset(queue: Queue): void {
    queue.readyAtMs = this.#clock.nowMs();
    queue.token = undefined;
    queue.owner = undefined;
    queue.attempts = 0;
    queue.failures = 0;
    queue.deferrals = 0;
    queue.firstAttemptAtMs = undefined;
    queue.deadAtMs = undefined;
  }

  #dead(): { readonly queue: Queue; readonly head: Entry; readonly deadAtMs: number }[] {
    return [...this.#queues.values()].flatMap((queue) => {
      const head = queue.entries[0];
      return head === undefined || queue.deadAtMs === undefined
        ? []
        : [{ queue, head, deadAtMs: queue.deadAtMs }];
    });
  }
}

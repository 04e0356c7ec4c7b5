import { type Clock, isServiceError, ServiceError, type Sql } from '@banyan/core';
import { type CloudEvent, orderingKeyOf, parseEvent, topicOf } from '../cloud-event.ts';
import type { MalformedRecord } from '../event-log.ts';
import type {
  Arrival,
  AuditEntry,
  Claim,
  ClaimRequest,
  DeadLetter,
  DeadLetterChoice,
  DeadLetterPlace,
  DeadLetterTotal,
  Failure,
  Inbox,
  ReplayRequest,
  ShareRequest,
} from '../inbox.ts';
import { MemoryPartitions } from './memory-partitions.ts';
import { type Entry, MemoryQueues, type Queue } from './memory-queues.ts';
import type { MemoryTransactions } from './memory-transactions.ts';

export function createMemoryInbox(transactions: MemoryTransactions, clock: Clock): Inbox {
  return new MemoryInbox(transactions, clock);
}

/** An event whose id is known. */
interface Known {
  readonly topic: string;
  finishedAtMs: number | undefined;
}

interface MalformedLetter extends MalformedRecord {
  readonly deadAtMs: number;
}

class MemoryInbox implements Inbox {
  readonly #transactions: MemoryTransactions;
  readonly #clock: Clock;
  readonly #partitions: MemoryPartitions;
  readonly #queues: MemoryQueues;
  readonly #known = new Map<string, Known>();
  readonly #malformed = new Map<string, MalformedLetter>();
  readonly #audit: AuditEntry[] = [];

  constructor(transactions: MemoryTransactions, clock: Clock) {
    this.#transactions = transactions;
    this.#clock = clock;
    this.#partitions = new MemoryPartitions(clock);
    this.#queues = new MemoryQueues(clock);
  }

  share(request: ShareRequest): ReturnType<Inbox['share']> {
    return this.#partitions.share(request);
  }

  async places(log: string): ReturnType<Inbox['places']> {
    return this.#partitions.places(log);
  }

  leave(log: string, instance: string): Promise<void> {
    return this.#partitions.leave(log, instance);
  }

  async admit(sql: Sql, arrival: Arrival): Promise<readonly CloudEvent[]> {
    const unlock = await this.#partitions.enter(arrival.leases);
    const fresh = this.#unknown(arrival.events);
    const behind = fresh.filter((event) => this.#queues.has(orderingKeyOf(event)));
    const stored = new Set(behind);
    const admitted = behind.length === 0 ? fresh : fresh.filter((event) => !stored.has(event));
    this.#transactions.enlist(sql, {
      commit: () => {
        const finishedAtMs = this.#clock.nowMs();
        for (const event of admitted) this.#known.set(event.id, { topic: topicOf(event), finishedAtMs });
        this.#store(behind);
        this.#partitions.move(arrival);
        unlock();
      },
      rollBack: unlock,
    });
    return admitted;
  }

  async ingest(arrival: Arrival): Promise<void> {
    const unlock = await this.#partitions.enter(arrival.leases);
    this.#store(this.#unknown(arrival.events));
    const log = arrival.leases[0]?.log ?? '';
    for (const record of arrival.malformed) {
      const id = `${log}/${record.partition}/${record.position}`;
      if (this.#known.has(id)) continue;
      this.#known.set(id, { topic: record.topic ?? '', finishedAtMs: undefined });
      this.#malformed.set(id, { ...record, deadAtMs: this.#clock.nowMs() });
    }
    this.#partitions.move(arrival);
    unlock();
  }

  async claim(request: ClaimRequest): Promise<readonly Claim[]> {
    return this.#queues.claim(request);
  }

  async complete(claim: Claim, sql?: Sql): Promise<void> {
    const queue = this.#queues.heldBy(claim);
    if (sql === undefined) {
      this.#finish(queue, claim.event);
      return;
    }
    queue.isLocked = true;
    this.#transactions.enlist(sql, {
      commit: () => {
        queue.isLocked = false;
        this.#finish(queue, claim.event);
      },
      rollBack: () => {
        queue.isLocked = false;
      },
    });
  }

  async fail(claim: Claim, failure: Failure): Promise<boolean> {
    try {
      this.#queues.fail(this.#queues.heldBy(claim), failure);
      return true;
    } catch (error) {
      if (isServiceError(error) && error.reason === 'lease_lost') return false;
      throw error;
    }
  }

  async release(owner: string): Promise<number> {
    return this.#queues.release(owner);
  }

  async deadLetter(id: string): Promise<DeadLetter | undefined> {
    return this.#letters().find((letter) => letter.id === id);
  }

  async deadLetters(limit: number, after?: DeadLetterPlace): Promise<readonly DeadLetter[]> {
    return this.#letters()
      .sort(byPlace)
      .filter((letter) => after === undefined || byPlace(letter, after) > 0)
      .slice(0, limit);
  }

  async deadLetterTotal(): Promise<DeadLetterTotal> {
    const letters = this.#letters();
    return { count: letters.length, last: letters.sort(byPlace).at(-1) };
  }

  #letters(): DeadLetter[] {
    const malformed = [...this.#malformed].map(([id, letter]) => toMalformedLetter(id, letter));
    return [...this.#dead().map(toDeadLetter), ...malformed];
  }

  async retryDeadLetters(chosen: DeadLetterChoice, by: string): Promise<number> {
    const retried = this.#dead().filter((dead) => isChosen(toDeadLetter(dead), chosen));
    for (const { queue, head } of retried) {
      this.#queues.reset(queue);
      this.#record(by, 'retry', head.event.id, undefined);
    }
    return retried.length;
  }

  async editDeadLetter(id: string, event: CloudEvent, by: string): Promise<boolean> {
    const edited = parseEvent(event);
    const malformed = this.#malformed.get(id);
    if (malformed !== undefined) {
      this.#malformed.delete(id);
      this.#record(by, 'edit', id, malformed.text);
      this.#store(this.#unknown([edited]));
      return true;
    }
    const letter = this.#dead().find(({ head }) => head.event.id === id);
    if (letter === undefined) return false;
    const { queue, head } = letter;
    if (edited.id !== id || orderingKeyOf(edited) !== orderingKeyOf(head.event)) {
      throw new ServiceError('An edited event keeps its id, its source and its key.', {
        code: 'invalid_argument',
        reason: 'invalid_event',
        details: ['id, source and subject: expected those of the dead letter'],
      });
    }
    this.#record(by, 'edit', id, head.event);
    head.event = edited;
    this.#queues.reset(queue);
    return true;
  }

  async discardDeadLetters(chosen: DeadLetterChoice, by: string): Promise<number> {
    const discarded = this.#dead().filter((dead) => isChosen(toDeadLetter(dead), chosen));
    for (const { queue, head } of discarded) {
      this.#record(by, 'discard', head.event.id, head.event);
      this.#finish(queue, head.event);
    }
    const malformed = [...this.#malformed].filter(([id, letter]) =>
      isChosen(toMalformedLetter(id, letter), chosen),
    );
    for (const [id, { text }] of malformed) {
      this.#record(by, 'discard', id, text);
      this.#malformed.delete(id);
    }
    return discarded.length + malformed.length;
  }

  async audit(limit: number): Promise<readonly AuditEntry[]> {
    return this.#audit.toReversed().slice(0, limit);
  }

  async replay({ log, topics, from, by }: ReplayRequest): Promise<void> {
    await this.#partitions.reset(log, topics, from);
    this.#queues.removeTopics(topics);
    for (const [id, { topic }] of this.#malformed) {
      if (topic !== undefined && topics.includes(topic)) this.#malformed.delete(id);
    }
    if (from !== 'end') {
      for (const [id, { topic }] of this.#known) if (topics.includes(topic)) this.#known.delete(id);
    }
    for (const topic of topics) this.#record(by, 'replay', topic, undefined);
  }

  async counts(): ReturnType<Inbox['counts']> {
    const dead = this.#dead();
    const living = this.#queues.all().filter((queue) => queue.dead === undefined);
    const pending = living.flatMap((queue) => queue.entries);
    const nowMs = this.#clock.nowMs();
    return {
      pending: pending.length,
      dead: dead.length + this.#malformed.size,
      waiting: dead.reduce((sum, { queue }) => sum + queue.entries.length - 1, 0),
      oldestAgeMs: pending.reduce((oldest, { receivedAtMs }) => Math.max(oldest, nowMs - receivedAtMs), 0),
      rebalances: this.#partitions.rebalances,
    };
  }

  async prune(olderThanMs: number): Promise<number> {
    const horizonMs = this.#clock.nowMs() - olderThanMs;
    let count = 0;
    for (const [id, { finishedAtMs }] of this.#known) {
      if (finishedAtMs !== undefined && finishedAtMs < horizonMs) count += this.#known.delete(id) ? 1 : 0;
    }
    this.#queues.prune();
    return count;
  }

  /** Those whose ids are not known yet, each once. */
  #unknown(events: readonly CloudEvent[]): CloudEvent[] {
    const seen = new Set<string>();
    return events.filter(({ id }) => !this.#known.has(id) && seen.size < seen.add(id).size);
  }

  #store(events: readonly CloudEvent[]): void {
    for (const event of events) {
      this.#known.set(event.id, { topic: topicOf(event), finishedAtMs: undefined });
      this.#queues.add(event);
    }
  }

  #finish(queue: Queue, event: CloudEvent): void {
    this.#queues.finish(queue, event);
    const known = this.#known.get(event.id);
    if (known !== undefined) known.finishedAtMs = this.#clock.nowMs();
  }

  #record(by: string, action: AuditEntry['action'], subject: string, before: unknown): void {
    this.#audit.push({ at: new Date(this.#clock.nowMs()).toISOString(), by, action, subject, before });
  }

  #dead(): { readonly queue: Queue; readonly head: Entry }[] {
    return this.#queues.all().flatMap((queue) => {
      const head = queue.entries[0];
      return head === undefined || queue.dead === undefined ? [] : [{ queue, head }];
    });
  }
}

function toDeadLetter({ queue, head }: { readonly queue: Queue; readonly head: Entry }): DeadLetter {
  return {
    id: head.event.id,
    topic: topicOf(head.event),
    key: orderingKeyOf(head.event),
    event: head.event,
    text: undefined,
    reason: queue.dead?.reason ?? '',
    stack: queue.dead?.stack,
    attempts: queue.attempts,
    deadAt: new Date(queue.dead?.atMs ?? 0).toISOString(),
    waiting: queue.entries.length - 1,
  };
}

function toMalformedLetter(id: string, { topic, text, reason, deadAtMs }: MalformedLetter): DeadLetter {
  return {
    id,
    topic,
    key: undefined,
    event: undefined,
    text,
    reason,
    stack: undefined,
    attempts: 0,
    deadAt: new Date(deadAtMs).toISOString(),
    waiting: 0,
  };
}

function isChosen(letter: DeadLetter, chosen: DeadLetterChoice): boolean {
  return 'through' in chosen ? byPlace(letter, chosen.through) <= 0 : chosen.includes(letter.id);
}

function byPlace(a: DeadLetterPlace, b: DeadLetterPlace): number {
  return Date.parse(a.deadAt) - Date.parse(b.deadAt) || (a.id < b.id ? -1 : Number(a.id > b.id));
}

import { type Clock, ServiceError } from '@banyan/core';
import { type CloudEvent, orderingKeyOf, topicOf } from '../cloud-event.ts';
import type { Claim, ClaimRequest, Failure } from '../inbox.ts';

export interface Entry {
  event: CloudEvent;
  readonly receivedAtMs: number;
}

/** The unfinished events of one key, and how the first of them fares. */
export interface Queue {
  readonly entries: Entry[];
  readyAtMs: number;
  token: string | undefined;
  owner: string | undefined;
  attempts: number;
  failures: number;
  deferrals: number;
  firstAttemptAtMs: number | undefined;
  dead: { readonly atMs: number; readonly reason: string; readonly stack: string | undefined } | undefined;
  /** True while a transaction that completes the first event is open. */
  isLocked: boolean;
}

/** Unfinished events by key, and who handles the first one of each. */
export class MemoryQueues {
  readonly #clock: Clock;
  readonly #queues = new Map<string, Queue>();
  #tokens = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(key: string): boolean {
    return (this.#queues.get(key)?.entries.length ?? 0) > 0;
  }

  all(): readonly Queue[] {
    return [...this.#queues.values()];
  }

  add(event: CloudEvent): void {
    const key = orderingKeyOf(event);
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = { entries: [], isLocked: false, ...fresh(this.#clock.nowMs()) };
      this.#queues.set(key, queue);
    }
    if (queue.entries.length === 0) this.reset(queue);
    queue.entries.push({ event, receivedAtMs: this.#clock.nowMs() });
  }

  claim({ owner, limit, leaseMs }: ClaimRequest): readonly Claim[] {
    const nowMs = this.#clock.nowMs();
    const claims: Claim[] = [];
    const ready = this.all().filter((queue) => !queue.isLocked && queue.readyAtMs <= nowMs);
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
      const counts = { attempt: queue.attempts, failures, deferrals, sinceFirstAttemptMs };
      claims.push({ event: head.event, token, ref: '', ...counts });
    }
    return claims;
  }

  fail(queue: Queue, { kind, reason, stack, retryAfterMs }: Failure): void {
    const nowMs = this.#clock.nowMs();
    queue.readyAtMs = kind === 'dead' ? Number.POSITIVE_INFINITY : nowMs + retryAfterMs;
    if (kind === 'dead') queue.dead = { atMs: nowMs, reason, stack };
    if (kind === 'failure') queue.failures += 1;
    if (kind === 'deferral') queue.deferrals += 1;
    queue.token = undefined;
    queue.owner = undefined;
  }

  release(owner: string): number {
    const held = this.all().filter((queue) => queue.owner === owner);
    for (const queue of held) {
      queue.readyAtMs = this.#clock.nowMs();
      queue.deferrals += 1;
      queue.token = undefined;
      queue.owner = undefined;
    }
    return held.length;
  }

  /** @throws ServiceError `aborted` `lease_lost` */
  heldBy(claim: Claim): Queue {
    const queue = this.#queues.get(orderingKeyOf(claim.event));
    if (queue?.token === claim.token && !queue.isLocked) return queue;
    throw new ServiceError('The event was handed to another worker, or is finished already.', {
      code: 'aborted',
      reason: 'lease_lost',
    });
  }

  /** Takes the first event out, if it is still `event`. */
  finish(queue: Queue, event: CloudEvent): void {
    if (queue.entries[0]?.event.id !== event.id) return;
    queue.entries.shift();
    this.reset(queue);
  }

  reset(queue: Queue): void {
    Object.assign(queue, fresh(this.#clock.nowMs()));
  }

  /** Takes all events of some topics out, whatever their state. */
  removeTopics(topics: readonly string[]): void {
    for (const queue of this.#queues.values()) {
      const head = queue.entries[0];
      const kept = queue.entries.filter(({ event }) => !topics.includes(topicOf(event)));
      queue.entries.splice(0, queue.entries.length, ...kept);
      if (queue.entries[0] !== head) this.reset(queue);
    }
  }

  prune(): void {
    for (const [key, queue] of this.#queues) {
      if (queue.entries.length === 0 && !queue.isLocked) this.#queues.delete(key);
    }
  }
}

function fresh(nowMs: number): Omit<Queue, 'entries' | 'isLocked'> {
  return {
    readyAtMs: nowMs,
    token: undefined,
    owner: undefined,
    attempts: 0,
    failures: 0,
    deferrals: 0,
    firstAttemptAtMs: undefined,
    dead: undefined,
  };
}

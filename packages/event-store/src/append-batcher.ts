import { isServiceError, type Sql } from '@banyan/core';
import { busyVerdict, callAppend, toAppended, type Verdict } from './append-call.ts';
import { type AppendMember, anyRevision } from './append-member.ts';
import { eventStoreError } from './errors.ts';
import type { Appended } from './event-store.ts';

interface Waiting {
  readonly member: AppendMember;
  readonly since: number;
  /** Times that another transaction held its stream. */
  refusals: number;
  resolve(appended: Appended): void;
  reject(error: unknown): void;
}

type Outcome = Verdict | { readonly error: unknown };

const maxMembers = 512;
const maxSize = 4_000_000;
const maxWaiting = 100_000;
/** While one group is in flight another one goes only if it is worth its commit. */
const fullGroup = 128;
const maxGroups = 2;
const patienceMs = 30_000;
const maxPauseMs = 50;

/**
 * Group commit: appends that wait become one statement, with a verdict for each. At most one group in flight takes everybody who came meanwhile, so
 * that a flush serves many. Appends of one stream take turns in here, or they would be each other's conflict; those that expect `any` share a turn.
 */
export class AppendBatcher {
  readonly #sql: Sql;
  readonly #onAppended: () => void;
  /** Streams with work, each with its queue; a stream with an append in flight is not in `#ready`. */
  readonly #queues = new Map<string, Waiting[]>();
  readonly #ready: string[] = [];
  #waiting = 0;
  #groups = 0;
  #isDue = false;

  constructor(sql: Sql, onAppended: () => void) {
    this.#sql = sql;
    this.#onAppended = onAppended;
  }

  append(member: AppendMember): Promise<Appended> {
    if (this.#waiting >= maxWaiting) return Promise.reject(eventStoreError('appends_exhausted'));
    return new Promise((resolve, reject) => {
      this.#waiting += 1;
      const waiting = { member, since: performance.now(), refusals: 0, resolve, reject };
      const queue = this.#queues.get(member.stream);
      if (queue === undefined) {
        this.#queues.set(member.stream, [waiting]);
        this.#ready.push(member.stream);
      } else queue.push(waiting);
      this.#wake();
    });
  }

  /** After whatever else this turn of the event loop brings. */
  #wake(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#send();
    });
  }

  #send(): void {
    while (
      this.#ready.length > 0 &&
      (this.#groups === 0 || (this.#groups < maxGroups && this.#ready.length >= fullGroup))
    ) {
      const group = this.#take();
      this.#groups += 1;
      void this.#run(group).finally(() => {
        this.#groups -= 1;
        this.#wake();
      });
    }
  }

  #take(): Waiting[] {
    const group: Waiting[] = [];
    let size = 0;
    let streams = 0;
    for (const stream of this.#ready) {
      const queue = this.#queues.get(stream) ?? [];
      if (group.length > 0 && (group.length >= maxMembers || size >= maxSize)) break;
      streams += 1;
      do {
        const next = queue.shift();
        if (next === undefined) break;
        group.push(next);
        size += next.member.size;
      } while (queue[0]?.member.expected === anyRevision && group.length < maxMembers && size < maxSize);
    }
    this.#ready.splice(0, streams);
    return group;
  }

  async #run(group: readonly Waiting[]): Promise<void> {
    const outcomes = await this.#decide(group);
    const busy: Waiting[] = [];
    let hasAppended = false;
    for (const [index, waiting] of group.entries()) {
      const outcome = outcomes[index] ?? { verdict: busyVerdict, head: null, lastPosition: null };
      if ('error' in outcome) this.#settle(waiting, () => waiting.reject(outcome.error));
      else if (outcome.verdict === busyVerdict && performance.now() - waiting.since < patienceMs)
        busy.push(waiting);
      else {
        hasAppended ||= outcome.verdict === 0;
        this.#settle(waiting, () => waiting.resolve(toAppended(waiting.member, outcome)));
      }
    }
    this.#retryLater(busy);
    const held = new Set(busy.map(({ member }) => member.stream));
    this.#release(group.filter(({ member }) => !held.has(member.stream)));
    if (hasAppended) this.#onAppended();
  }

  async #decide(group: readonly Waiting[]): Promise<readonly Outcome[]> {
    try {
      return await callAppend(
        this.#sql,
        group.map(({ member }) => member),
        { patient: false },
      );
    } catch (error) {
      if (group.length === 1 || !isOfOne(error)) return group.map(() => ({ error }));
      // One of them is to blame, and the others shall not pay for it.
      const outcomes: Outcome[] = [];
      for (const waiting of group) outcomes.push(...(await this.#decide([waiting])));
      return outcomes;
    }
  }

  #settle(waiting: Waiting, settle: () => void): void {
    this.#waiting -= 1;
    try {
      settle();
    } catch (error) {
      waiting.reject(error);
    }
  }

  /** Whoever has the stream has it until a commit. Waiting for that in here costs no connection, and holds up nobody else. */
  #retryLater(busy: readonly Waiting[]): void {
    const byStream = Map.groupBy(busy, ({ member }) => member.stream);
    for (const [stream, members] of byStream) {
      for (const waiting of members) waiting.refusals += 1;
      this.#queues.get(stream)?.unshift(...members);
      const pauseMs = Math.min(2 ** Math.min(members[0]?.refusals ?? 1, 6), maxPauseMs);
      setTimeout(
        () => {
          this.#ready.push(stream);
          this.#wake();
        },
        pauseMs * (0.5 + Math.random() / 2),
      );
    }
  }

  #release(settled: readonly Waiting[]): void {
    for (const stream of new Set(settled.map(({ member }) => member.stream))) {
      if ((this.#queues.get(stream)?.length ?? 0) > 0) this.#ready.push(stream);
      else this.#queues.delete(stream);
    }
  }
}

const faultsOfAll = ['unavailable', 'permission_denied', 'deadline_exceeded'];

/** True if the server refused the statement, so that nothing of it happened, and the cause can be one member's alone. */
function isOfOne(error: unknown): boolean {
  if (!isServiceError(error)) return true;
  return !faultsOfAll.includes(error.code) && error.reason !== 'connections_exhausted';
}

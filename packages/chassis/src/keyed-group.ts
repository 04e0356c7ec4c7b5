import { AsyncLocalStorage } from 'node:async_hooks';
import type { Operation } from '@banyan/contract';
import { isServiceError, type Transaction } from '@banyan/core';
import { CommitQueue } from './commit-queue.ts';
import type { ServiceRuntime } from './handler-context.ts';
import { type Admission, type Interleaving, watchInterleaving } from './interleaving.ts';
import type { KeyedCall } from './keyed-call.ts';
import { SharedHandlerContext } from './keyed-context.ts';
import { recordOutgoing } from './outgoing.ts';
import { answerOf, type StoredReply } from './reply-store.ts';

/** Keyed calls whose handlers keep to the database share transactions: a commit costs more than what most of them do. */
export interface KeyedGroups {
  run(call: KeyedCall, key: string): Promise<unknown>;
}

type RunAlone = (call: KeyedCall, key: string) => Promise<unknown>;

/** @param runAlone in a transaction of its own: for handlers that call out, and to find out whose fault a failure was */
export function startKeyedGroups(runtime: ServiceRuntime, runAlone: RunAlone): KeyedGroups {
  return new SharedTransactions(runtime, runAlone);
}

interface Member {
  readonly call: KeyedCall;
  readonly key: string;
  /** Runs something as its caller would have, not as whoever set the group off: active spans are found that way. */
  readonly inContext: <Result>(work: () => Result) => Result;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** How a member's handler ended within the open transaction. */
type Ending =
  | { readonly kind: 'done'; readonly result: unknown; readonly context: SharedHandlerContext }
  /** It asked nothing of the database: whatever it says concerns nobody else. */
  | Failure<'refused'>
  | (Failure<'failed'> & { readonly restsOnOthers: boolean })
  | { readonly kind: 'left' };

interface Failure<Kind> {
  readonly kind: Kind;
  readonly error: unknown;
  readonly context: SharedHandlerContext;
}

/** A handler that takes longer may wait for something else than the database, and would keep others waiting. */
const patienceMs = 25;
/** How long the operation then runs alone. */
const lateForMs = 10_000;

class SharedTransactions implements KeyedGroups {
  readonly #runtime: ServiceRuntime;
  readonly #runAlone: RunAlone;
  /** One group at a time: two of one process could wait for each other's rows. */
  readonly #queue = new CommitQueue<Member>({ commit: (members) => this.#commit(members), maxGroups: 1 });
  /** Operations whose handlers call out. */
  readonly #alone = new Set<string>();
  /** Operations whose handlers ask the database more than once: nobody else may ask between. */
  readonly #ordered = new Set<string>();
  /** Until when operations run alone whose handlers were late, by the clock. */
  readonly #lateUntilMs = new Map<string, number>();

  constructor(runtime: ServiceRuntime, runAlone: RunAlone) {
    this.#runtime = runtime;
    this.#runAlone = runAlone;
  }

  run(call: KeyedCall, key: string): Promise<unknown> {
    const { name } = call.operation;
    const isLate = this.#runtime.clock.nowMs() < (this.#lateUntilMs.get(name) ?? 0);
    if (isLate || this.#alone.has(name)) return this.#runAlone(call, key);
    const inContext = AsyncLocalStorage.snapshot();
    return new Promise((resolve, reject) => this.#queue.add({ call, key, inContext, resolve, reject }));
  }

  /** Never rejects. */
  async #commit(members: readonly Member[]): Promise<void> {
    const distinct = new Map(members.map((member) => [member.key, member]));
    // A second call of one key finds the reply of the first.
    const others = members.filter((member) => distinct.get(member.key) !== member);
    await this.#commitDistinct([...distinct.values()]);
    for (const { call, key, inContext, resolve, reject } of others)
      inContext(() => this.#runAlone(call, key)).then(resolve, reject);
  }

  async #commitDistinct(members: readonly Member[]): Promise<void> {
    let group = members.filter((member) => !rejectIfAborted(member));
    while (group.length > 0) {
      const attempt = new Attempt(group);
      try {
        await this.#runtime.database.tx((transaction) => this.#run(attempt, transaction), {
          concurrent: true,
        });
        for (const member of group) this.#settle(member, attempt);
        return;
      } catch (error) {
        group = group.filter((member) => !this.#isRefused(member, attempt));
        // Once for each operation: from now on its handlers take turns.
        if (attempt.interleaving.happened) continue;
        if (isServiceError(error) && error.code === 'unavailable' && attempt.isBlameless) {
          for (const { reject } of group) reject(error);
          return;
        }
        const guilty = attempt.isBlameless ? group : attempt.guilty;
        for (const member of guilty) this.#takeOut(member, attempt);
        group = group.filter((member) => !guilty.includes(member));
      }
    }
  }

  #settle(member: Member, attempt: Attempt): void {
    const reply = attempt.known.get(member.key);
    const ending = attempt.endings.get(member);
    if (reply !== undefined) answer(member, reply);
    else if (ending?.kind === 'done') member.resolve(ending.result);
    else if (ending?.kind === 'refused') void this.#refuse(member, ending);
    else member.reject(new TypeError('a keyed call did not end'));
  }

  /** It has its answer, whatever becomes of the others. */
  #isRefused(member: Member, { endings }: Attempt): boolean {
    const ending = endings.get(member);
    if (ending?.kind !== 'refused') return false;
    void this.#refuse(member, ending);
    return true;
  }

  /** Nothing of the group took effect, and this one is why, or may be. */
  #takeOut(member: Member, { endings, isSound }: Attempt): void {
    const { call, key, inContext, resolve, reject } = member;
    const ending = endings.get(member);
    // What others did before it is undone, and may be why it failed.
    if (ending?.kind === 'failed' && isSound && !ending.restsOnOthers) void this.#refuse(member, ending);
    else inContext(() => this.#runAlone(call, key)).then(resolve, reject);
  }

  /** Another attempt may have been faster: what it changed may be why this one failed. */
  async #refuse(member: Member, { error, context }: Failure<unknown>): Promise<void> {
    const { database, replies } = this.#runtime;
    const reply = await replies?.find(database.sql, member.key).catch(() => undefined);
    if (reply !== undefined) {
      answer(member, reply);
      return;
    }
    context.countRefusal(error);
    member.reject(error);
  }

  async #run(attempt: Attempt, transaction: Transaction): Promise<void> {
    const { sql } = transaction;
    const replies = this.#runtime.replies;
    if (replies === undefined) throw new TypeError('a keyed call needs a database');
    attempt.known = await replies.findAll(
      sql,
      attempt.members.map(({ key }) => key),
    );
    await this.#runHandlers(attempt, transaction);
    if (attempt.guilty.length > 0) {
      // A transaction that still answers is not what failed.
      attempt.isSound = await sql`select 1`.then(
        () => true,
        () => false,
      );
    }
    if (attempt.interleaving.happened || attempt.guilty.length > 0) throw new Error('undone');
    const { done } = attempt;
    if (done.length === 0) return;
    const replyTo = done.map(({ member: { key }, result }) => ({ key, value: result }));
    // The commit goes right behind it, and fails with it: somebody else had the same key meanwhile, or gave it up.
    replies.storeAll(sql, replyTo).catch(() => {});
    for (const { context } of done) transaction.onCommit(() => context.countAnswered());
    await recordOutgoing(
      this.#runtime,
      transaction,
      done.flatMap(({ context }) => context.outgoing),
    );
  }

  /** Side by side, then one after the other those that ask more than once. */
  async #runHandlers(attempt: Attempt, transaction: Transaction): Promise<void> {
    const fresh = attempt.members.filter(({ key }) => !attempt.known.has(key));
    const isOrdered = ({ call }: Member) => this.#ordered.has(call.operation.name);
    await Promise.all(
      fresh
        .filter((each) => !isOrdered(each))
        .map((member) => this.#runHandler(attempt, member, transaction)),
    );
    for (const member of fresh.filter(isOrdered)) {
      if (attempt.interleaving.happened || attempt.guilty.length > 0) return;
      await this.#runHandler(attempt, member, transaction);
    }
  }

  async #runHandler(attempt: Attempt, member: Member, transaction: Transaction): Promise<void> {
    const { operation, handler, input, context } = member.call;
    const admission = attempt.interleaving.admit(transaction.sql, () => this.#ordered.add(operation.name));
    const shared = new SharedHandlerContext(this.#runtime, context, {
      operation,
      transaction: { sql: admission.sql, onCommit: (listener) => transaction.onCommit(listener) },
      onLeave: () => this.#alone.add(operation.name),
    });
    const running = member
      .inContext(() => handler(input, shared))
      .then(
        (result): Ending =>
          shared.hasLeft || shared.hasUndone ? { kind: 'left' } : { kind: 'done', result, context: shared },
        (error: unknown): Ending => {
          if (shared.hasLeft) return { kind: 'left' };
          const { hasAsked, restsOnOthers } = admission;
          const failure = { error, context: shared };
          return hasAsked ? { kind: 'failed', ...failure, restsOnOthers } : { kind: 'refused', ...failure };
        },
      );
    attempt.endings.set(member, await this.#inTime(running, { operation, admission, transaction }));
  }

  #inTime(
    running: Promise<Ending>,
    {
      operation,
      admission,
      transaction,
    }: { readonly operation: Operation; readonly admission: Admission; readonly transaction: Transaction },
  ): Promise<Ending> {
    return new Promise((resolve) => {
      const { clock } = this.#runtime;
      let hasEnded = false;
      const look = async () => {
        const { asks } = admission;
        await answered(transaction);
        if (hasEnded) return;
        if (admission.asks > asks) {
          cancel = clock.setTimer(() => void look(), patienceMs);
          return;
        }
        this.#lateUntilMs.set(operation.name, clock.nowMs() + lateForMs);
        resolve({ kind: 'left' });
      };
      let cancel = clock.setTimer(() => void look(), patienceMs);
      void running.then((ending) => {
        hasEnded = true;
        cancel();
        resolve(ending);
      });
    });
  }
}

/**
 * Resolves when all that was asked so far is answered, and whoever waited for it has gone on: a slow database, or a process that has much to do, is no
 * handler's fault.
 */
async function answered({ sql }: Transaction): Promise<void> {
  // With a parameter: statements that are prepared go together.
  await sql`select ${1}::int4`.catch(() => {});
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** One try to commit the calls of a group. */
class Attempt {
  readonly members: readonly Member[];
  readonly interleaving: Interleaving = watchInterleaving();
  readonly endings = new Map<Member, Ending>();
  known: ReadonlyMap<string, StoredReply> = new Map();
  /** A handler failed, and the transaction did not: what it says is its own. */
  isSound = false;

  constructor(members: readonly Member[]) {
    this.members = members;
  }

  get done() {
    return [...this.endings].flatMap(([member, ending]) =>
      ending.kind === 'done' ? [{ member, result: ending.result, context: ending.context }] : [],
    );
  }

  /** Because of these nothing of the group took effect. */
  get guilty(): readonly Member[] {
    return [...this.endings].flatMap(([member, { kind }]) =>
      kind === 'failed' || kind === 'left' ? [member] : [],
    );
  }

  get isBlameless(): boolean {
    return this.guilty.length === 0;
  }
}

function answer({ resolve, reject }: Member, reply: StoredReply): void {
  try {
    resolve(answerOf(reply));
  } catch (error) {
    reject(error);
  }
}

function rejectIfAborted({ call, reject }: Member): boolean {
  const { signal } = call.context;
  if (signal.aborted) reject(signal.reason);
  return signal.aborted;
}

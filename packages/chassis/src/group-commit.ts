import type { Contract } from '@banyan/contract';
import { type CallContext, isServiceError, type SqlQuery, type Transaction } from '@banyan/core';
import { CommitQueue } from './commit-queue.ts';
import { createTx } from './create-tx.ts';
import type { ServiceRuntime } from './handler-context.ts';
import { type Outgoing, recordOutgoing } from './outgoing.ts';
import type { ClosedTx, Uses } from './service-context.ts';

type Queries = readonly SqlQuery<object>[];
type Work = (tx: ClosedTx<Contract, Uses>) => Queries;

/** One caller's list of statements, and whoever waits for it. */
interface Member {
  readonly work: Work;
  readonly context: CallContext;
  resolve(rows: object[][]): void;
  reject(error: unknown): void;
}

/**
 * Commits closed lists of statements, those of several callers together (group commit: DeWitt et al., 1984). A commit waits for the disk and wakes processes;
 * shared by all that wait at the moment it costs each of them a part. Statements run caller after caller, so nobody can tell that others were there.
 */
export interface GroupCommits {
  run(context: CallContext, work: Work): Promise<object[][]>;
}

const groups = new WeakMap<ServiceRuntime, GroupCommits>();

/** Those of one running service. */
export function groupCommitsOf(runtime: ServiceRuntime): GroupCommits {
  const known = groups.get(runtime) ?? new WaitingMembers(runtime);
  groups.set(runtime, known);
  return known;
}

class WaitingMembers implements GroupCommits {
  readonly #runtime: ServiceRuntime;
  readonly #queue = new CommitQueue<Member>({
    commit: (members) => this.#commit(members),
    // One is put together while the other is under way. More would only make groups smaller.
    maxGroups: 2,
  });

  constructor(runtime: ServiceRuntime) {
    this.#runtime = runtime;
  }

  run(context: CallContext, work: Work): Promise<object[][]> {
    return new Promise((resolve, reject) => this.#queue.add({ work, context, resolve, reject }));
  }

  /** Never rejects. */
  async #commit(members: readonly Member[]): Promise<void> {
    const group = members.filter((member) => !rejectIfAborted(member));
    if (group.length === 0) return;
    try {
      const rows = await this.#attempt(group);
      for (const [index, member] of group.entries()) member.resolve(rows[index] ?? []);
    } catch (error) {
      await this.#takeApart(group, error);
    }
  }

  /** One list that fails undoes all, so each is tried by itself; unless the failure is nobody's, or nobody knows what was committed. */
  async #takeApart(group: readonly Member[], error: unknown): Promise<void> {
    const isCommon =
      isServiceError(error) && (error.code === 'unavailable' || error.code === 'resource_exhausted');
    if (group.length === 1 || isCommon) for (const member of group) member.reject(error);
    else for (const member of group) await this.#commit([member]);
  }

  async #attempt(group: readonly Member[]): Promise<readonly object[][][]> {
    const { database } = this.#runtime;
    const { pending } = await database.tx(
      async (transaction) => {
        const outgoing: Outgoing[] = [];
        const asked = group.map((member) => this.#ask(member, transaction, outgoing));
        for (const each of asked) each.catch(() => {});
        await recordOutgoing(this.#runtime, transaction, outgoing);
        // The commit goes right behind the last statement, and fails with the first that failed.
        return { pending: asked };
      },
      { concurrent: true },
    );
    return Promise.all(pending);
  }

  /** Sends the statements, in their order. @throws what `work` throws */
  #ask({ work, context }: Member, transaction: Transaction, outgoing: Outgoing[]): Promise<object[][]> {
    const queries = work(createTx(this.#runtime, { context, transaction, outgoing }));
    if (!Array.isArray(queries)) {
      throw new TypeError(
        'groupCommit: return the list of statements at once, without waiting for any of them.',
      );
    }
    return Promise.all(queries);
  }
}

function rejectIfAborted({ context: { signal }, reject }: Member): boolean {
  if (signal.aborted) reject(signal.reason);
  return signal.aborted;
}

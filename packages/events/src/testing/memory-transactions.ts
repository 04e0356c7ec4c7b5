import { type Sql, sqlFragment } from '@banyan/core';

/** Transactions without a database: their `sql` runs nothing and only tells which transaction is meant. */
export interface MemoryTransactions {
  tx<Result>(
    work: (transaction: { readonly sql: Sql; onCommit(listener: () => void): void }) => Promise<Result>,
  ): Promise<Result>;
  /** Takes part in the transaction of `sql`: exactly one of the two runs at its end. */
  enlist(sql: Sql, participant: { commit(): void; rollBack(): void }): void;
}

interface Participant {
  commit(): void;
  rollBack(): void;
}

export function createMemoryTransactions(): MemoryTransactions {
  const open = new WeakMap<Sql, Participant[]>();
  return {
    async tx(work) {
      const sql = createToken();
      const participants: Participant[] = [];
      const listeners: (() => void)[] = [];
      open.set(sql, participants);
      try {
        const result = await work({ sql, onCommit: (listener) => listeners.push(listener) });
        for (const participant of participants.splice(0)) participant.commit();
        for (const listener of listeners) listener();
        return result;
      } catch (error) {
        for (const participant of participants.splice(0)) participant.rollBack();
        throw error;
      } finally {
        open.delete(sql);
      }
    },
    enlist(sql, participant) {
      const participants = open.get(sql);
      if (participants === undefined)
        throw new TypeError('This `sql` belongs to no open memory transaction.');
      participants.push(participant);
    },
  };
}

function createToken(): Sql {
  const refuse = (): never => {
    throw new TypeError('A memory transaction runs no SQL.');
  };
  const fragment = () => ({ [sqlFragment]: true as const });
  return Object.assign(refuse, { identifier: fragment, json: fragment, array: fragment, rows: fragment });
}

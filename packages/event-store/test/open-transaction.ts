import type { Transaction } from '@banyan/core';
import type { PostgresDatabase } from '@banyan/postgres';

/** A transaction that the test ends when it likes. */
export function openTransaction(database: PostgresDatabase) {
  const opened = Promise.withResolvers<Transaction>();
  const held = Promise.withResolvers<void>();
  const undone = new Error('rolled back');
  const ended = database
    .tx((tx) => {
      opened.resolve(tx);
      return held.promise;
    })
    .catch((error) => {
      opened.reject(error);
      if (error !== undone) throw error;
    });
  return {
    tx: opened.promise,
    commit() {
      held.resolve();
      return ended;
    },
    rollBack() {
      held.reject(undone);
      return ended;
    },
  };
}

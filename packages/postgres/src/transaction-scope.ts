import type { SqlQuery } from '@banyan/core';
import { postgresError } from './errors.ts';
import type { Statement, StatementRunner } from './sql-template.ts';

/** The statements of one scope: the transaction itself, or a savepoint in it. */
export class Scope implements StatementRunner {
  readonly #enqueue: (scope: Scope, statement: Statement) => Promise<object[]>;
  readonly #unused = new Set<SqlQuery<object>>();

  constructor(enqueue: (scope: Scope, statement: Statement) => Promise<object[]>) {
    this.#enqueue = enqueue;
  }

  run(statement: Statement): Promise<object[]> {
    return this.#enqueue(this, statement);
  }

  built(query: SqlQuery<object>): void {
    this.#unused.add(query);
  }

  used(query: SqlQuery<object>): void {
    this.#unused.delete(query);
  }

  /** Without this check a forgotten `await` would commit a transaction that lacks a statement. */
  checkAllUsed(): void {
    const [forgotten] = this.#unused;
    if (forgotten === undefined) return;
    const { strings } = forgotten as unknown as { readonly strings: readonly string[] };
    throw postgresError('query_not_awaited', {
      cause: new Error(`never awaited: ${strings.join('…').slice(0, 500)}`),
    });
  }
}

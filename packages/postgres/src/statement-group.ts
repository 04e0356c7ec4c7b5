import { type ClientBase, DatabaseError, type QueryArrayResult } from 'pg';
import { type StatementNames, toFailure, toRows } from './connection.ts';
import { endsSession, isStalePlan } from './database-errors.ts';
import { postgresError } from './errors.ts';
import type { Statement } from './sql-template.ts';
import { type GroupMember, isPrepared, sendGroup, type WireValue } from './wire-query.ts';

interface Waiting extends GroupMember {
  readonly statement: Statement;
  resolve(rows: object[]): void;
  reject(error: unknown): void;
}

/** The server begins with a full group while the next one is put together. */
const maxMembers = 256;

/** Statements of one open transaction that were asked for in the same turn of the event loop, sent together. */
export class StatementGroup {
  readonly #client: ClientBase;
  readonly #names: StatementNames;
  #waiting: Waiting[] = [];

  constructor(client: ClientBase, names: StatementNames) {
    this.#client = client;
    this.#names = names;
  }

  /** The statement's rows, or undefined if it has to be sent by itself. */
  add(statement: Statement): Promise<object[]> | undefined {
    const name = this.#names.nameOf(statement);
    if (name === undefined || !isPrepared(this.#client, name)) return undefined;
    const values = toWireValues(statement.values);
    if (values === undefined) return undefined;
    return new Promise((resolve, reject) => {
      const hasRows = this.#names.hasRows(name);
      this.#waiting.push({ name, values, hasRows, statement, resolve, reject });
      // After all that is ready to run now: a tick that is asked for in a microtask comes behind the other microtasks.
      if (this.#waiting.length === 1) process.nextTick(() => this.flush());
      if (this.#waiting.length >= maxMembers) this.flush();
    });
  }

  /** Sends what waits. */
  flush(): void {
    const members = this.#waiting;
    if (members.length === 0) return;
    this.#waiting = [];
    sendGroup(this.#client, members, (error, results) => this.#settle(members, error, results));
  }

  /** Gives up what waits. */
  drop(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #settle(
    members: readonly Waiting[],
    error: Error | null,
    results: readonly QueryArrayResult<unknown[]>[],
  ): void {
    if (isStalePlan(error)) this.#names.renew();
    // A value that cannot be read is found when all have run, and could be anybody's.
    const isOfOne = error instanceof DatabaseError && !endsSession(error);
    const answered = error === null || isOfOne ? results.length : 0;
    for (const [index, { statement, resolve, reject }] of members.entries()) {
      const result = results[index];
      if (index < answered && result !== undefined) resolve(toRows(result));
      else if (index > answered && isOfOne) reject(postgresError('transaction_failed', { cause: error }));
      else reject(toFailure(this.#client, error, statement));
    }
  }
}

function toWireValues(values: Statement['values']): WireValue[] | undefined {
  const wireValues: WireValue[] = [];
  for (const value of values) {
    if (value === null || typeof value === 'string' || Buffer.isBuffer(value)) wireValues.push(value);
    else if (typeof value === 'number' || typeof value === 'boolean') wireValues.push(String(value));
    else return undefined;
  }
  return wireValues;
}

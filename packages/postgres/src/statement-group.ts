import { isServiceError } from '@banyan/core';
import { type ClientBase, DatabaseError } from 'pg';
import { type StatementNames, toFailure, toRows } from './connection.ts';
import { endsSession, isStalePlan } from './database-errors.ts';
import { postgresError } from './errors.ts';
import type { Statement } from './sql-template.ts';
import { type GroupMember, type GroupResult, isPrepared, sendGroup, type WireValue } from './wire-query.ts';

interface Waiting extends GroupMember {
  readonly statement: Statement;
  resolve(rows: object[]): void;
  reject(error: unknown): void;
}

/** The server begins with a full group while the next one is put together. */
const maxMembers = 256;

/** Tells the transaction that something is under way; rejects with what the transaction says of its failure. */
type Watch = (task: () => Promise<void>) => Promise<void>;

/** Statements of one open transaction that were asked for in the same turn of the event loop, sent together. */
export class StatementGroup {
  readonly #client: ClientBase;
  readonly #names: StatementNames;
  readonly #watch: Watch;
  #waiting: Waiting[] = [];

  constructor(client: ClientBase, names: StatementNames, watch: Watch) {
    this.#client = client;
    this.#names = names;
    this.#watch = watch;
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
    let unanswered = members;
    let isOfOne = false;
    const send = () =>
      new Promise<void>((resolve, reject) => {
        sendGroup(this.#client, members, (error, results) => {
          // A value that cannot be read is found when all have run, and could be anybody's.
          isOfOne = error instanceof DatabaseError && !endsSession(error);
          unanswered = members.slice(error === null || isOfOne ? results.length : 0);
          if (error === null) resolve();
          else reject(this.#toFailure(error, unanswered[0]));
          for (let index = 0; index < members.length - unanswered.length; index += 1) {
            members[index]?.resolve(toRows(results[index] as GroupResult));
          }
        });
      });
    this.#watch(send).catch((failure) => {
      const [first, ...rest] = unanswered;
      first?.reject(failure);
      const isBlamed = isOfOne && !(isServiceError(failure) && failure.reason === 'transaction_failed');
      for (const { reject } of rest) {
        reject(isBlamed ? postgresError('transaction_failed', { cause: failure }) : failure);
      }
    });
  }

  /** Gives up what waits. */
  drop(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #toFailure(error: Error, member: Waiting | undefined): unknown {
    if (isStalePlan(error)) this.#names.renew();
    return member === undefined ? error : toFailure(this.#client, error, member.statement);
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

import { createHash } from 'node:crypto';
import { type ClientBase, DatabaseError, type QueryArrayResult } from 'pg';
import { endsSession, isStalePlan, toDatabaseError } from './database-errors.ts';
import { postgresError } from './errors.ts';
import { toCamelCase } from './names.ts';
import type { Statement } from './sql-template.ts';
import { prepareBegin, sendOpening } from './wire-query.ts';
import { gatherWrites } from './wire-writes.ts';

const losses = new WeakMap<ClientBase, unknown>();

/** Remembers why a connection broke. Call once per client: an `error` event without a listener ends the process. */
export function watchConnection(client: ClientBase): void {
  client.on('error', (error) => {
    if (!losses.has(client)) losses.set(client, error);
  });
  gatherWrites(client);
  prepareBegin(client);
}

/** Ends a connection at once, whatever is still to be answered on it. */
export function destroyConnection(client: ClientBase): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

export function isLost(client: ClientBase): boolean {
  return losses.has(client);
}

/** Names for prepared statements, by their text; shared by all connections of one database. */
export class StatementNames {
  readonly #names = new Map<string, string>();
  /** Those that were seen to give no rows, like an `insert` without `returning`. A changed table cannot change that. */
  readonly #rowless = new Set<string>();
  #generation = 0;
  static readonly #max = 500;

  nameOf(statement: Statement): string | undefined {
    if (!statement.reusable || statement.values.length === 0) return undefined;
    let name = this.#names.get(statement.text);
    if (name === undefined && this.#names.size < StatementNames.#max) {
      name = `b${this.#generation}_${createHash('sha256').update(statement.text).digest('base64url').slice(0, 22)}`;
      this.#names.set(statement.text, name);
    }
    return name;
  }

  /** False for a statement that is known to give none, whatever its table looks like. */
  hasRows(name: string): boolean {
    return !this.#rowless.has(name);
  }

  ran(name: string, { fields, command }: QueryArrayResult<unknown[]>): void {
    // `select from …` gives rows without columns; whatever else gives rows has columns.
    if (fields.length === 0 && command !== 'SELECT') this.#rowless.add(name);
  }

  /** New names from now on: the plans behind the old ones no longer fit their tables. */
  renew(): void {
    this.#generation += 1;
    this.#names.clear();
    this.#rowless.clear();
  }
}

/** Runs one statement, as the first one of a new transaction if `isOpening`; rejects with what `Sql` promises. */
export async function runStatement(
  client: ClientBase,
  statement: Statement,
  names: StatementNames,
  isOpening = false,
): Promise<object[]> {
  try {
    const name = names.nameOf(statement);
    const result = await send(client, statement, name, isOpening);
    if (name !== undefined) names.ran(name, result);
    return toRows(result);
  } catch (cause) {
    if (isStalePlan(cause)) names.renew();
    throw toFailure(client, cause, statement);
  }
}

/** Runs fixed text such as `begin`; resolves with the command that the server says it carried out. */
export async function runCommand(client: ClientBase, text: string): Promise<string> {
  return (await send(client, { text, values: [], reusable: false }, undefined)).command;
}

function send(
  client: ClientBase,
  { text, values }: Statement,
  name: string | undefined,
  isOpening = false,
): Promise<QueryArrayResult<unknown[]>> {
  return new Promise((resolve, reject) => {
    const config = {
      text,
      values: values as unknown[],
      rowMode: 'array' as const,
      ...(name === undefined ? undefined : { name }),
    };
    // The callback form saves the driver's own promise and stack capture.
    const callback = (error: Error | null, result: QueryArrayResult<unknown[]>) => {
      if (error) reject(error);
      // Several statements in one text give several results; the last one counts.
      else resolve(Array.isArray(result) ? (result.at(-1) as QueryArrayResult<unknown[]>) : result);
    };
    if (isOpening) sendOpening(client, config, callback);
    else client.query<unknown[], unknown[]>(config, callback);
  });
}

export function toRows({ fields, rows }: Pick<QueryArrayResult<unknown[]>, 'fields' | 'rows'>): object[] {
  const names = fields.map((field) => toCamelCase(field.name));
  return rows.map((values) => {
    const row: Record<string, unknown> = {};
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as string;
      if (name === '__proto__') {
        Object.defineProperty(row, name, { value: values[index], enumerable: true, writable: true });
      } else {
        row[name] = values[index];
      }
    }
    return row;
  });
}

/** What `Sql` promises for what the driver reported. */
export function toFailure(client: ClientBase, cause: unknown, { text, reusable }: Statement): unknown {
  // Only text that holds no data may get into a log: neither parameters nor literals.
  if (cause instanceof DatabaseError && reusable) cause.message += `\n  in: ${text.slice(0, 500)}`;
  else if (isLost(client)) {
    const loss = toDatabaseError(losses.get(client));
    return loss === losses.get(client) ? postgresError('database_unavailable', { cause }) : loss;
  }
  return endsSession(cause) ? toSessionEnd(cause) : toDatabaseError(cause);
}

function toSessionEnd(cause: unknown): unknown {
  const error = toDatabaseError(cause);
  return error === cause ? postgresError('database_unavailable', { cause }) : error;
}

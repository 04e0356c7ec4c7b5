/** A value that can be bound as a query parameter. Objects and arrays need `sql.json` or `sql.array` to say which they are. */
export type SqlParameter = string | number | bigint | boolean | null | Date | Uint8Array | SqlFragment;

/** A piece of SQL with its parameters; usable inside another `sql` template. */
export interface SqlFragment {
  readonly [sqlFragment]: true;
}
export const sqlFragment: unique symbol = Symbol.for('banyan.SqlFragment');
/** Name of {@link Sql}'s own way of being watched. */
export const sqlWatch: unique symbol = Symbol.for('banyan.sqlWatch');

/** Name of {@link Sql}'s own way of being observed. */
export const sqlObserve: unique symbol = Symbol.for('banyan.sqlObserve');

/** Name of who observes a {@link Sql}. */
export const sqlObserver: unique symbol = Symbol.for('banyan.sqlObserver');

/** Name of the template that an observed {@link Sql} was made of. */
export const sqlBase: unique symbol = Symbol.for('banyan.sqlBase');

/** Hears of the statements of one part of the work. */
export interface SqlObserver {
  /** The trace that the work is part of, as a W3C header. */
  readonly traceparent?: string;
  /** @param text with placeholders; it may hold values if `isFixed` is false */
  began(text: string, isFixed: boolean): StatementWatch;
}

/** Hears how one statement ended. */
export interface StatementWatch {
  ended(rows: number): void;
  failed(error: unknown): void;
}

/** A statement: runs when awaited (once), or becomes part of another statement when interpolated. */
export interface SqlQuery<Row> extends Promise<Row[]>, SqlFragment {}

type LettersOf<Text> = Text extends `${infer First}${infer Rest}` ? First | LettersOf<Rest> : never;
type Letter = LettersOf<'abcdefghijklmnopqrstuvwxyz'>;

/** Rows have camelCase keys: one that is declared as `order_id` would never be there. Digits and a leading underscore stay: `line_1`, `_id`. */
export type CamelCase<Row> = {
  readonly [Key in keyof Row]: Key extends `${infer _First}${infer Rest}`
    ? Rest extends `${string}_${Letter}${string}`
      ? "rows have camelCase keys: write 'orderId' for order_id"
      : unknown
    : unknown;
};

/**
 * Tagged template for SQL. Every `${value}` becomes a bound parameter, never text; a nested `sql` template is inlined
 * with its parameters renumbered.
 *
 * Rows come back as plain objects with camelCase keys (`order_id` → `orderId`). `timestamptz` becomes an RFC 3339 UTC
 * string, `date` `YYYY-MM-DD`, `int8` a number (a `RangeError` beyond 2^53), `numeric` a string, `json`/`jsonb` its value, `bytea` a `Uint8Array`.
 *
 * @throws ServiceError `already_exists` `unique_violation`, `failed_precondition` `constraint_violation`, `aborted`
 * `serialization_conflict`, `unavailable` `database_unavailable`, `permission_denied` `database_permission`;
 * `details` names the constraint where there is one
 */
export interface Sql {
  <Row extends object & CamelCase<Row> = Record<string, unknown>>(
    strings: TemplateStringsArray,
    ...parameters: readonly SqlParameter[]
  ): SqlQuery<Row>;
  /** A table or column name, quoted; dots separate schema and name. */
  identifier(name: string): SqlFragment;
  /** A `jsonb` parameter; null is the JSON value, and not the SQL one: pass a bare `null` for that. */
  json(value: unknown): SqlFragment;
  /** An array parameter of the given element type, for `= any(...)` and `unnest(...)`. */
  array(values: readonly unknown[], elementType: string): SqlFragment;
  /** `(a, b) values ($1, $2), ($3, $4)` for `insert into t ${sql.rows(rows)}`; camelCase keys become snake_case columns. */
  rows(rows: readonly Readonly<Record<string, SqlParameter | undefined>>[]): SqlFragment;
  /** The same template for one part of the work: `onAsk` is called before each of its statements runs, and refuses it by throwing. Absent if it cannot. */
  [sqlWatch]?(onAsk: () => void): Sql;
  /** The same template, whose statements `observer` hears of. Absent if it cannot tell. */
  [sqlObserve]?(observer: SqlObserver): Sql;
  /** Who hears of its statements. */
  readonly [sqlObserver]?: SqlObserver | undefined;
  /** The one that all parts of the work have in common; absent if this is it. */
  readonly [sqlBase]?: Sql | undefined;
}

/** One open transaction. Do not use it after the callback that received it has returned. */
export interface Transaction {
  readonly sql: Sql;
  /** Runs `work` in a savepoint: if it rejects, only its own changes are undone, and the rejection passes on. */
  savepoint<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result>;
  /** Runs `listener` after the commit has succeeded; never after a rollback. */
  onCommit(listener: () => void): void;
}

export interface TransactionOptions {
  /** Default `read committed`. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
  /** Ends the transaction with a rollback when aborted. */
  readonly signal?: AbortSignal;
  /**
   * Sends statements without waiting for the answers to earlier ones, so that concurrent callers in one transaction share round trips, and
   * `begin` and `commit` cost none of their own. They still run one after the other, in the order they were asked for. After a failed one
   * those already sent fail too, so a `catch` around a statement no longer tells which one was the cause: use `savepoint` for that, which waits.
   */
  readonly concurrent?: boolean;
}

/** Options of a transaction that handles what others have told. */
export interface CausedTransactionOptions extends TransactionOptions {
  /**
   * The traces in which it was told, as W3C headers (`traceparent`). The transaction becomes part of the only one; of several, each has a span for it and the
   * transaction's own trace links to them, 32 at most. What cannot be read counts as none.
   */
  readonly causes?: readonly (string | undefined)[];
  /**
   * Somebody outside of the system named `causes`, and can name any. `link`: the transaction begins a trace of its own that links to them. `continue`: it goes
   * on with them as with others. Either way what is kept is decided as for a trace of its own, whatever they say. Default: they are the system's own.
   */
  readonly foreignCauses?: 'link' | 'continue';
}

/** The database of one service. Safe for concurrent use; statements outside `tx` each commit by themselves. */
export interface Database {
  readonly sql: Sql;
  /**
   * Runs `work` in one transaction: commits when it resolves, rolls back when it rejects and passes the rejection on.
   * A connection lost during `commit` rejects with `unavailable` `commit_outcome_unknown`.
   */
  tx<Result>(
    work: (transaction: Transaction) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result>;
}

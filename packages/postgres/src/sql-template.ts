import {
  type Sql,
  type SqlFragment,
  type SqlObserver,
  type SqlParameter,
  type SqlQuery,
  sqlBase,
  sqlFragment,
  sqlObserve,
  sqlObserver,
  sqlWatch,
} from '@banyan/core';
import { escapeLiteral } from 'pg';
import { toBinaryArray } from './binary-array.ts';
import { quoteIdentifier, toSnakeCase } from './names.ts';

/** A statement ready for the wire: text with `$1` … and as many values. */
export interface Statement {
  readonly text: string;
  readonly values: readonly (string | number | boolean | Uint8Array | null | readonly unknown[])[];
  /** Whether the text is one of few, so that preparing it by name pays. */
  readonly reusable: boolean;
}

/** Runs the statements of one `Sql`. The three hooks let a transaction see which of its queries never ran. */
export interface StatementRunner {
  run(statement: Statement): Promise<object[]>;
  built?(query: SqlQuery<object>): void;
  /** The query was awaited, or became part of another one. */
  used?(query: SqlQuery<object>): void;
}

type Value = Statement['values'][number] | SqlPart;

const maxParameters = 65_535;

/** SQL text around values: always one more string than values. Values are parameters or nested parts. */
class SqlPart implements SqlFragment {
  readonly [sqlFragment] = true;
  readonly strings: readonly string[];
  readonly values: readonly Value[];
  /** False for text whose shape depends on the data. */
  readonly reusable: boolean;

  constructor(strings: readonly string[], values: readonly Value[], reusable = true) {
    this.strings = strings;
    this.values = values;
    this.reusable = reusable;
  }

  use(): void {}
}

class LazyQuery extends SqlPart implements SqlQuery<object> {
  readonly [Symbol.toStringTag] = 'SqlQuery';
  readonly #runner: StatementRunner;
  #rows: Promise<object[]> | undefined;

  constructor(strings: readonly string[], values: readonly Value[], runner: StatementRunner) {
    super(strings, values);
    this.#runner = runner;
    runner.built?.(this);
  }

  override use(): void {
    this.#runner.used?.(this);
  }

  // biome-ignore lint/suspicious/noThenProperty: a query runs when awaited, so it must be a thenable
  then<A = object[], B = never>(
    fulfilled?: ((rows: object[]) => A | PromiseLike<A>) | null,
    rejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#start().then(fulfilled, rejected);
  }

  catch<B = never>(rejected?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<object[] | B> {
    return this.#start().catch(rejected);
  }

  finally(settled?: (() => void) | null): Promise<object[]> {
    return this.#start().finally(settled);
  }

  #start(): Promise<object[]> {
    if (this.#rows === undefined) {
      this.use();
      this.#rows = this.#run();
    }
    return this.#rows;
  }

  #run(): Promise<object[]> {
    try {
      return this.#runner.run(toStatement(this));
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

const runnerOf: unique symbol = Symbol('runner');

/** A template with its runner, by which the functions that all templates share know whose it is. */
interface RunningSql extends Sql {
  [runnerOf]: StatementRunner;
  [sqlObserver]?: SqlObserver | undefined;
  [sqlBase]?: Sql | undefined;
}

/** The template function of one database or transaction. */
export function createSql(runner: StatementRunner): Sql {
  const sql = (strings: TemplateStringsArray, ...parameters: readonly SqlParameter[]) => {
    // `sql(text)` with text from outside would be an injection: only a literal template has frozen `raw` strings.
    if (!Array.isArray(strings) || !Object.isFrozen(strings) || !Array.isArray(strings.raw)) {
      throw new TypeError('sql is a template tag: write sql`select …`, never sql(text).');
    }
    return new LazyQuery(strings, parameters.map(toValue), runner);
  };
  // One for each step of each saga: nothing is made here that others could share.
  const template = sql as unknown as RunningSql;
  template.identifier = identifier;
  template.json = json;
  template.array = array;
  template.rows = rows;
  template[sqlWatch] = watch;
  template[sqlObserve] = observe;
  template[runnerOf] = runner;
  return template;
}

function watch(this: Sql, onAsk: () => void): Sql {
  const watched = createSql(new WatchedRunner((this as RunningSql)[runnerOf], onAsk)) as RunningSql;
  watched[sqlObserver] = this[sqlObserver];
  watched[sqlBase] = this[sqlBase];
  return watched;
}

function observe(this: Sql, observer: SqlObserver): Sql {
  const observed = createSql(new ObservedRunner((this as RunningSql)[runnerOf], observer)) as RunningSql;
  observed[sqlObserver] = observer;
  observed[sqlBase] = this[sqlBase] ?? this;
  return observed;
}

/** Statements that somebody hears of. */
class ObservedRunner implements StatementRunner {
  readonly #runner: StatementRunner;
  readonly #observer: SqlObserver;

  constructor(runner: StatementRunner, observer: SqlObserver) {
    this.#runner = runner;
    this.#observer = observer;
  }

  async run(statement: Statement): Promise<object[]> {
    const watch = this.#observer.began(statement.text, statement.reusable);
    try {
      const found = await this.#runner.run(statement);
      watch.ended(found.length);
      return found;
    } catch (error) {
      watch.failed(error);
      throw error;
    }
  }

  built(query: SqlQuery<object>): void {
    this.#runner.built?.(query);
  }

  used(query: SqlQuery<object>): void {
    this.#runner.used?.(query);
  }
}

/** The statements of one part of a transaction's work. */
class WatchedRunner implements StatementRunner {
  readonly #runner: StatementRunner;
  readonly #onAsk: () => void;

  constructor(runner: StatementRunner, onAsk: () => void) {
    this.#runner = runner;
    this.#onAsk = onAsk;
  }

  run(statement: Statement): Promise<object[]> {
    this.#onAsk();
    return this.#runner.run(statement);
  }

  built(query: SqlQuery<object>): void {
    this.#runner.built?.(query);
  }

  used(query: SqlQuery<object>): void {
    this.#runner.used?.(query);
  }
}

function identifier(name: string): SqlFragment {
  return new SqlPart([String(name).split('.').map(quoteIdentifier).join('.')], []);
}

function json(value: unknown): SqlFragment {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`sql.json cannot write ${typeof value}; use null.`);
  return new SqlPart(['', '::jsonb'], [text]);
}

/** A quoted string as SQL text, for the statements that take no parameters (`create role … password`, `prepare transaction`). */
export function literal(text: string): SqlFragment {
  return new SqlPart([escapeLiteral(text)], [], false);
}

/** SQL that was written by hand elsewhere, such as a migration. */
export function verbatim(text: string): SqlFragment {
  return new SqlPart([text], [], false);
}

const typeName = /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?( [a-z]+){0,3}(\(\d+(, ?\d+)?\))?$/;

function array(values: readonly unknown[], elementType: string): SqlFragment {
  if (!Array.isArray(values)) throw new TypeError(`sql.array needs an array, not ${typeof values}.`);
  if (typeof elementType !== 'string' || !typeName.test(elementType)) {
    throw new TypeError('The element type of sql.array is a PostgreSQL type name such as int4 or text.');
  }
  const binary = toBinaryArray(values, elementType);
  if (binary !== undefined) return new SqlPart(['', `::${elementType}[]`], [binary]);
  const isJson = elementType === 'json' || elementType === 'jsonb';
  const toElement = (value: unknown): unknown => {
    if (isJson) return value === null ? null : JSON.stringify(value);
    if (Array.isArray(value)) return value.map(toElement);
    const element = toValue(value);
    if (element instanceof SqlPart) throw new TypeError('An element of sql.array is a value, not SQL.');
    return element;
  };
  return new SqlPart(['', `::${elementType}[]`], [values.map(toElement)]);
}

function rows(rowList: readonly Readonly<Record<string, SqlParameter | undefined>>[]): SqlFragment {
  if (!Array.isArray(rowList)) throw new TypeError('sql.rows needs an array of objects.');
  const keys = [...new Set(rowList.flatMap((row) => Object.keys(row)))];
  if (keys.length === 0) throw new TypeError('sql.rows needs at least one row with at least one column.');
  const columns = keys.map((key) => quoteIdentifier(toSnakeCase(key)));
  if (new Set(columns).size < columns.length)
    throw new TypeError('Two keys of sql.rows name the same column.');
  const strings: string[] = [];
  const values: Value[] = [];
  let text = `(${columns.join(', ')}) values `;
  for (const [index, row] of rowList.entries()) {
    text += index === 0 ? '(' : ', (';
    for (const [position, key] of keys.entries()) {
      if (position > 0) text += ', ';
      const value = Object.hasOwn(row, key) ? row[key] : undefined;
      if (value === undefined) {
        text += 'default';
      } else {
        strings.push(text);
        values.push(toValue(value));
        text = '';
      }
    }
    text += ')';
  }
  return new SqlPart([...strings, text], values, rowList.length === 1);
}

/** Captures a value as it is now, in a form whose meaning does not depend on the driver or the time zone. */
function toValue(value: unknown): Value {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (value === null || value instanceof Uint8Array) return value;
  if (value instanceof SqlPart) {
    value.use();
    return value;
  }
  if (value instanceof Date) return toTimestamp(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'object') {
    throw new TypeError(
      `${Array.isArray(value) ? 'An array' : 'An object'} cannot be a SQL parameter as it is: use sql.json(value) or sql.array(values, type).`,
    );
  }
  throw new TypeError(`${typeof value} cannot be a SQL parameter; for no value use null.`);
}

function toTimestamp(date: Date): string {
  const text = date.toISOString();
  if (text.length > 24) throw new RangeError('A date as SQL parameter lies in the years 0 to 9999.');
  return text;
}

const literalTexts = new WeakMap<readonly string[], string>();

/** Text and parameters of a query; a template without nested parts is put together once per place in the code. */
function toStatement(part: SqlPart): Statement {
  if (part.values.every(isParameter)) {
    let text = literalTexts.get(part.strings);
    if (text === undefined) {
      text = part.strings.reduce((joined, string, index) => `${joined}$${index}${string}`);
      literalTexts.set(part.strings, text);
    }
    return { text, values: part.values, reusable: part.reusable };
  }
  const values: Statement['values'][number][] = [];
  const shape = { reusable: true };
  const text = append(part, values, shape);
  if (values.length > maxParameters) {
    throw new TypeError(
      `A statement has at most ${maxParameters} parameters, not ${values.length}: use unnest(\${sql.array(…)}) instead of sql.rows.`,
    );
  }
  return { text, values, reusable: shape.reusable };
}

function append(part: SqlPart, values: Statement['values'][number][], shape: { reusable: boolean }): string {
  if (!part.reusable) shape.reusable = false;
  let text = part.strings[0] ?? '';
  for (const [index, value] of part.values.entries()) {
    if (isParameter(value)) text += `$${values.push(value)}`;
    else text += append(value, values, shape);
    text += part.strings[index + 1];
  }
  return text;
}

function isParameter(value: Value): value is Statement['values'][number] {
  return !(value instanceof SqlPart);
}

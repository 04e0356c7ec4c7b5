import {
  type ErrorCode,
  isServiceError,
  type Sql,
  type SqlObserver,
  type StatementWatch,
  sqlObserve,
  type TraceContext,
} from '@banyan/core';
import {
  activeBelow,
  causesOf,
  formatTraceparent,
  type Span,
  type SpanType,
  type Tracer,
} from '@banyan/telemetry';

/** Statements are few: those that are put together anew each time are not kept. */
const maxTypes = 1_000;

/** The spans of the SQL statements of one service. */
export interface StatementSpans {
  /** `sql`, except that each statement leaves a span below `trace`. */
  trace(sql: Sql, trace: TraceContext): Sql;
  observer(trace: TraceContext): SqlObserver;
  /** Of the commit of a transaction below `trace`. */
  commit(trace: TraceContext): Span;
}

export function createStatementSpans(tracer: Tracer): StatementSpans {
  return new TracedStatements(tracer);
}

const committing: SpanType = {
  name: 'COMMIT',
  kind: 'client',
  attributes: { 'db.system.name': 'postgresql', 'db.operation.name': 'COMMIT' },
};

class TracedStatements implements StatementSpans {
  readonly #tracer: Tracer;
  readonly #types = new Map<string, SpanType>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  trace(sql: Sql, trace: TraceContext): Sql {
    return sql[sqlObserve]?.(this.observer(trace)) ?? sql;
  }

  observer(trace: TraceContext): SqlObserver {
    const context = { trace };
    const current = () => activeBelow(context) ?? trace;
    return {
      get traceparent() {
        return formatTraceparent(current());
      },
      began: (text, isFixed) => new StatementSpan(this.#tracer.start(this.#typeOf(text, isFixed), current())),
    };
  }

  commit(trace: TraceContext): Span {
    return this.#tracer.start(committing, trace);
  }

  #typeOf(text: string, isFixed: boolean): SpanType {
    let type = this.#types.get(text);
    if (type === undefined) {
      type = typeOf(text, isFixed);
      if (isFixed && this.#types.size < maxTypes) this.#types.set(text, type);
    }
    return type;
  }
}

/** What a database may well say: something is there already, or others were faster. */
const answers: ReadonlySet<ErrorCode> = new Set([
  'already_exists',
  'failed_precondition',
  'aborted',
  'cancelled',
]);

class StatementSpan implements StatementWatch {
  readonly #span: Span;

  constructor(span: Span) {
    this.#span = span;
  }

  ended(rows: number): void {
    this.#span.set('db.response.returned_rows', rows);
    this.#span.end();
  }

  failed(error: unknown): void {
    this.#span.set('db.response.status_code', sqlStateOf(error));
    // Whoever does not expect it has the exception.
    const reason = isServiceError(error) ? error.reason : 'database_error';
    if (isServiceError(error) && answers.has(error.code)) this.#span.set('error.type', reason);
    else this.#span.failAs(reason);
    this.#span.end();
  }
}

const name = String.raw`("?[\w$.]+"?(?:\."?[\w$]+"?)?)`;
const tableAt = new RegExp(String.raw`\b(?:from|into|update|join|table)\s+(?:only\s+)?${name}`, 'i');

/** What brackets and verbs mean nothing in, the brackets, and the verbs. */
const sqlParts =
  /'[^']*'|"[^"]*"|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[()]|\b(?:select|insert|update|delete|merge|values|table)\b/gi;

/** The statement behind its list of `with`: the first verb that stands in no brackets. */
function mainOf(text: string): string {
  if (!/^\s*with\b/i.test(text)) return text;
  let depth = 0;
  for (const { 0: part, index } of text.matchAll(sqlParts)) {
    if (part === '(') depth += 1;
    else if (part === ')') depth -= 1;
    else if (depth === 0 && /^[a-z]/i.test(part)) return text.slice(index);
  }
  return text;
}

/** @param isFixed false for text that may hold values: it is not shown */
function typeOf(text: string, isFixed: boolean): SpanType {
  const main = mainOf(text);
  const operation = /^\s*([a-z]+)/i.exec(main)?.[1]?.toUpperCase() ?? 'SQL';
  const table = isFixed ? tableAt.exec(main)?.[1]?.replaceAll('"', '') : undefined;
  return {
    name: table === undefined ? operation : `${operation} ${table}`,
    kind: 'client',
    attributes: {
      'db.system.name': 'postgresql',
      'db.operation.name': operation,
      'db.collection.name': table,
      'db.query.text': isFixed ? text.trim().replace(/\s+/g, ' ').slice(0, 4_000) : undefined,
    },
  };
}

function sqlStateOf(error: unknown): string | undefined {
  for (const each of causesOf(error)) {
    const { code } = Object(each) as { readonly code?: unknown };
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code;
  }
  return undefined;
}

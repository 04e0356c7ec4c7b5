import {
  type CamelCase,
  ServiceError,
  type Sql,
  type SqlParameter,
  type SqlQuery,
  sqlWatch,
} from '@banyan/core';

/**
 * Watches handlers that run side by side in one transaction. As long as each of them asks the database once, they are as good as one after the other. A
 * second statement may rest on what the first one read, and another handler may have changed that between the two: no row lock protects
 * against one's own transaction.
 */
export interface Interleaving {
  /** True once a handler asked again after others had asked. What the transaction did must then be undone. */
  readonly happened: boolean;
  /** Lets one more handler use the transaction's `sql`; `onInterleaved` tells that it asks more than once. */
  admit(sql: Sql, onInterleaved: () => void): Admission;
}

/** One handler's part in a shared transaction. */
export interface Admission {
  readonly sql: Sql;
  /** It asked the database something. */
  readonly hasAsked: boolean;
  /** How often. */
  readonly asks: number;
  /** It asked after others had: if it fails, what they did, and is undone now, may be why. */
  readonly restsOnOthers: boolean;
}

export function watchInterleaving(): Interleaving {
  return new StatementWatch();
}

class StatementWatch implements Interleaving {
  happened = false;
  #last: object | undefined;

  admit(sql: Sql, onInterleaved: () => void): Admission {
    const handler = { sql, hasAsked: false, asks: 0, restsOnOthers: false };
    const mayAsk = () => {
      const isBehindOthers = this.#last !== undefined && this.#last !== handler;
      if (isBehindOthers) handler.restsOnOthers = true;
      if (handler.hasAsked && isBehindOthers) {
        this.happened = true;
        onInterleaved();
        return false;
      }
      handler.hasAsked = true;
      handler.asks += 1;
      this.#last = handler;
      return true;
    };
    handler.sql = watched(sql, mayAsk);
    return handler;
  }
}

function watched(sql: Sql, mayAsk: () => boolean): Sql {
  const watch = sql[sqlWatch];
  if (watch === undefined) return watchStatements(sql, mayAsk);
  return watch.call(sql, () => {
    if (!mayAsk()) throw interleaved();
  });
}

/** The same template, except that a statement asks `mayAsk` when it is awaited. It stays usable as a part of another one. */
function watchStatements(sql: Sql, mayAsk: () => boolean): Sql {
  const template = <Row extends object & CamelCase<Row>>(
    strings: TemplateStringsArray,
    ...parameters: readonly SqlParameter[]
  ): SqlQuery<Row> => {
    const statement = sql<Row>(strings, ...parameters);
    let running: Promise<Row[]> | undefined;
    const then = statement.then.bind(statement);
    const run = () => {
      running ??= mayAsk() ? (then() as Promise<Row[]>) : Promise.reject(interleaved());
      return running;
    };
    const watched: Pick<Promise<Row[]>, 'then' | 'catch' | 'finally'> = {
      // biome-ignore lint/suspicious/noThenProperty: a query is a promise by design.
      then: (onFulfilled, onRejected) => run().then(onFulfilled, onRejected),
      catch: (onRejected) => run().catch(onRejected),
      finally: (onFinally) => run().finally(onFinally),
    };
    return Object.assign(statement, watched);
  };
  const { identifier, json, array, rows } = sql;
  return Object.assign(template, { identifier, json, array, rows });
}

function interleaved(): ServiceError {
  return new ServiceError(
    'The handler asks the database more than once: it runs again, and others wait for it.',
    {
      code: 'aborted',
      reason: 'handlers_interleaved',
    },
  );
}

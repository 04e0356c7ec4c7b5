import { type Sql, sqlObserver } from '@banyan/core';
import { traceMessage } from './pgoutput.ts';

/**
 * Names the trace that `sql` is part of to the captures of its transaction: what they tell of it goes on with that trace. Call it in a transaction; where
 * no traces are recorded it does nothing. A program of another kind runs `select pg_logical_emit_message(true, 'traceparent', …)`.
 */
export async function nameTrace({ sql }: { readonly sql: Sql }): Promise<void> {
  const traceparent = sql[sqlObserver]?.traceparent;
  if (traceparent !== undefined)
    await sql`select pg_logical_emit_message(true, ${traceMessage}, ${traceparent})`;
}

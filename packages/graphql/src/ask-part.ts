import { canonicalInput } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import type { Asking } from '@banyan/gateway';
import type { Resolver } from './build-schema.ts';
import type { GraphqlLimits } from './graphql-limits.ts';

/** What a call has brought. */
interface Told {
  readonly output: unknown;
  /** Values in it. */
  readonly size: number;
}

/** One query while it is answered. */
export interface QueryRun {
  readonly asking: Asking;
  readonly limits: GraphqlLimits;
  /** Values that the answer has so far. */
  values: number;
  /** Ends it. */
  readonly stop: AbortController;
  /** By what was asked for: the same call is made once, however many fields need it. */
  readonly calls: Map<string, Promise<Told>>;
}

export interface FieldCall {
  /** The object that it is a field of. */
  readonly parent: unknown;
  readonly args: Readonly<Record<string, unknown>>;
  readonly run: QueryRun;
}

/** Null for a link that leads nowhere. @throws ServiceError as the operation does; `resource_exhausted` `too_many_calls` */
export async function askPart(
  { part, query, operation, given }: Resolver,
  { parent, args, run }: FieldCall,
): Promise<unknown> {
  const input: Record<string, unknown> = { ...args };
  for (const [name, from] of Object.entries(given)) {
    const value = (parent as Readonly<Record<string, unknown>>)[from];
    if (value === undefined || value === null) return null;
    input[name] = value;
  }
  const [{ name, version }] = query.asks;
  const key = `${name} ${version} ${operation.name} ${JSON.stringify(canonicalInput(input))}`;
  let call = run.calls.get(key);
  if (call === undefined) {
    const { maxCalls } = run.limits;
    if (run.calls.size >= maxCalls) throw tooManyCalls(maxCalls);
    call = run.asking.ask(part, input).then(({ output }) => ({ output, size: sizeOf(output) }));
    run.calls.set(key, call);
  }
  const { output, size } = await call;
  // Before it is shown: whoever puts it into the answer would go through all of it.
  countValues(run, size);
  return output;
}

/** Past the limit the whole answer is given up: filling the rest with errors would be as much work again. @throws ServiceError `answer_too_large` */
export function countValues(run: QueryRun, count: number): void {
  run.values += count;
  if (run.values <= run.limits.maxValues) return;
  const error = new ServiceError(`An answer may have ${run.limits.maxValues} values.`, {
    code: 'resource_exhausted',
    reason: 'answer_too_large',
  });
  if (!run.stop.signal.aborted) run.stop.abort(error);
  throw error;
}

/** All values in a value, itself included. */
function sizeOf(value: unknown): number {
  let size = 0;
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    size += 1;
    if (typeof next === 'object' && next !== null) for (const below of Object.values(next)) open.push(below);
  }
  return size;
}

function tooManyCalls(maxCalls: number): ServiceError {
  return new ServiceError(`One query may cause ${maxCalls} calls.`, {
    code: 'resource_exhausted',
    reason: 'too_many_calls',
  });
}

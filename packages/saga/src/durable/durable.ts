import type { Contract, InputOf, OutputOf, Schema } from '@banyan/contract';
import { checkDuration } from '../definition/check-definition.ts';
import type { DurableContext } from './context.ts';

export interface DurableOptions<C extends Contract, Input extends Schema, Output extends Schema> {
  /** Whole number from 1. Instances end on the version that they began with: give a changed function a new one, unless `banyan saga check` says that none breaks. */
  readonly version: number;
  /** Object schema; validated when the function starts. */
  readonly input: Input;
  /** Validated when it returns. */
  readonly output: Output;
  /** The contract of the service that runs it; types `emit` and `metrics`. */
  readonly contract?: C;
  /** From the start, in milliseconds; then whatever it waits for rejects with `deadline_exceeded` `durable_deadline`. Default: none. */
  readonly deadlineMs?: number;
  /** Most entries of its journal; then it is stuck. Default 10,000. */
  readonly maxEntries?: number;
}

/** A durable function with its types erased, as the engine runs it. */
export interface DurableDefinition {
  readonly kind: 'durable';
  readonly name: string;
  readonly version: number;
  readonly input: Schema;
  readonly output: Schema;
  readonly deadlineMs: number | undefined;
  readonly maxEntries: number;
  readonly body: (input: unknown, context: DurableContext) => Promise<unknown>;
}

/** A durable function as a value. */
export interface Durable<Input extends Schema = Schema, Output extends Schema = Schema>
  extends DurableDefinition {
  readonly input: Input;
  readonly output: Output;
}

const identifier = /^[a-z][A-Za-z0-9]*$/;
const mostEntries = 10_000;

/**
 * Defines a function that survives the process: what its context `d` gives back is kept in a journal, and after a crash, a sleep or a restart the function
 * runs again from its beginning, is given the same answers, and goes on where it was.
 *
 * The function must ask for the same things in the same order when it is given the same answers. So everything that is not computed from the input comes
 * through `d`: time, randomness, calls, and whatever it waits for.
 * @throws TypeError, with the fix in the text
 */
export function durable<Input extends Schema, Output extends Schema, C extends Contract = Contract>(
  name: string,
  options: DurableOptions<C, Input, Output>,
  body: (input: OutputOf<Input>, d: DurableContext<C>) => Promise<InputOf<Output>>,
): Durable<Input, Output> {
  const { version, input, output, deadlineMs, maxEntries = mostEntries } = options;
  const where = `durable('${name}')`;
  if (!identifier.test(name)) {
    throw new TypeError(`${where}: name it in camelCase, as what is to be done: 'importPhotos'.`);
  }
  if (!(Number.isInteger(version) && version > 0 && version < 2 ** 31)) {
    throw new TypeError(`${where}: 'version' is a whole number from 1.`);
  }
  if (deadlineMs !== undefined) checkDuration(`${where}: 'deadlineMs'`, deadlineMs);
  if (!(Number.isInteger(maxEntries) && maxEntries > 0 && maxEntries <= 1_000_000)) {
    throw new TypeError(`${where}: 'maxEntries' is a whole number from 1 to 1,000,000.`);
  }
  if (typeof body !== 'function') throw new TypeError(`${where}: its third argument is an async function.`);
  return {
    ...{ kind: 'durable', name, version, input, output, deadlineMs, maxEntries },
    body: body as unknown as DurableDefinition['body'],
  };
}

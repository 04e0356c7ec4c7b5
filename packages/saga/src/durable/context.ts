import type { Contract, InputOf, Operation, OutputOf, Schema } from '@banyan/contract';
import type { Logger } from '@banyan/core';
import type { RunStepContext, TxStepContext } from '../definition/action.ts';
import type { SagaDefinition } from '../definition/definition.ts';
import type { AttemptOptions } from './command.ts';
import type { Durable, DurableDefinition } from './durable.ts';

/** What can be started: a saga or a durable function. */
export type Startable = SagaDefinition | DurableDefinition;

/** What a child hands back: the result of a durable function, or the id of a saga. */
export type ChildResult<Child extends Startable> =
  Child extends Durable<Schema, infer Output> ? OutputOf<Output> : { readonly sagaId: string };

/**
 * What a durable function may do. Each method asks for one thing; what comes back is kept in the journal before the function sees it. Ordinary code combines
 * them: `await`, `Promise.all`, `Promise.race`, loops, `try`.
 *
 * **What is thrown**: refusals, with the `reason` that the contract or `refuse` names; what `maxAttempts` gave up; and once, at whatever the function waits
 * for then, `cancelled` `durable_cancelled` or `deadline_exceeded` `durable_deadline`. After that it may still do things: to undo.
 */
export interface DurableContext<C extends Contract = Contract> {
  /** Of this instance. */
  readonly id: string;
  /** Aborts when the instance is cancelled, or its deadline has passed. */
  readonly signal: AbortSignal;
  /** Says nothing while answers come from the journal. */
  readonly log: Logger;
  /**
   * Calls an operation of a service in `uses`. Its effect happens once, however often it is asked. If it throws, it has not taken effect: a call whose outcome
   * is unknown is found out about before it is given up.
   */
  call<Op extends Operation>(
    operation: Op,
    input: InputOf<Op['input']>,
    options?: AttemptOptions,
  ): Promise<OutputOf<Op['output']>>;
  /** Works in the service's own database, in the transaction that also writes the journal: the effect happens once. Throws what `refuse` says. */
  tx<Result>(
    name: string,
    work: (context: TxStepContext<C>) => Promise<Result>,
    options?: AttemptOptions,
  ): Promise<Result>;
  /** Does anything else, at least once. Hand the idempotency key on. */
  run<Result>(
    name: string,
    work: (context: RunStepContext) => Promise<Result>,
    options?: AttemptOptions,
  ): Promise<Result>;
  /** In milliseconds, from now. Nothing of a sleeping instance is in memory. */
  sleep(ms: number): Promise<void>;
  /**
   * Waits for a signal of that name, sent by `signalSaga`; those that came earlier are kept, and read in order. Rejects with `invalid_argument` `invalid_input`
   * if its data does not fit, and with `deadline_exceeded` `signal_timeout` when the time is over.
   */
  waitFor<Signal extends Schema>(
    name: string,
    schema: Signal,
    options?: { readonly timeoutMs?: number },
  ): Promise<OutputOf<Signal>>;
  /**
   * Runs another function or saga of the service, and waits for its end. Throws what it threw; `failed_precondition` `child_failed` if a saga was
   * compensated. A function that goes on for ever hands its next thousand steps to a child of its own kind.
   */
  child<Child extends Startable>(
    definition: Child,
    input: InputOf<Child['input']>,
  ): Promise<ChildResult<Child>>;
  /** How far it is, for those who wait. @param share 0 to 1 */
  progress(share: number, text?: string): void;
  /** Epoch milliseconds, as of what last came back. */
  now(): number;
  /** In [0, 1). */
  random(): number;
  randomUUID(): string;
}

import type { Operation, Schema } from '@banyan/contract';
import type { RunStepContext, TxStepContext } from '../definition/action.ts';
import type { Startable } from './context.ts';
import type { CommandKind } from './journal.ts';
import type { Place } from './place.ts';

/** How an effect is tried again. */
export interface AttemptOptions {
  /** Longest time of one attempt, in milliseconds. Default: the operation's own, 10,000 for others. */
  readonly timeoutMs?: number;
  /**
   * Attempts in all, until the error is handed to the function. Default: without end while the other side is unavailable; what may be a fault in the code is
   * tried five times and then waits for an operator.
   */
  readonly maxAttempts?: number;
}

/** What a command asks for. */
export type Request =
  | ({ readonly kind: 'call'; readonly operation: Operation; readonly input: unknown } & AttemptOptions)
  | ({ readonly kind: 'tx'; readonly tx: (context: TxStepContext) => Promise<unknown> } & AttemptOptions)
  | ({ readonly kind: 'run'; readonly run: (context: RunStepContext) => Promise<unknown> } & AttemptOptions)
  | { readonly kind: 'sleep'; readonly ms: number }
  | { readonly kind: 'wait'; readonly schema: Schema; readonly timeoutMs: number | undefined }
  | { readonly kind: 'child'; readonly definition: Startable; readonly input: unknown };

/** Something that a durable function has asked for and that has not come back yet. */
export interface Command {
  /** From 0, in the order in which the function asked. */
  readonly index: number;
  readonly kind: CommandKind;
  readonly name: string;
  readonly hash: string | undefined;
  readonly request: Request;
  readonly place: Place;
  /** The function was interrupted while it waited for this. */
  readonly isInterrupted: boolean;
}

/** True for what has an effect, and so is brought to an end even if nobody waits for it any more. */
export function isEffect({ kind }: Pick<Command, 'kind'>): boolean {
  return kind !== 'sleep' && kind !== 'wait';
}

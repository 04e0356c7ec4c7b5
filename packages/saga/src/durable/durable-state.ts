import type { Problem } from '@banyan/core';
import { emptyState, type SagaState } from '../state.ts';
import type { Progress } from './execution.ts';
import type { CommandKind } from './journal.ts';

/** What is known of a command that has not come back. Keys are short: it is written with each entry. */
export interface PendingRecord {
  readonly k: CommandKind;
  readonly n: string;
  /** Epoch milliseconds: end of sleeping or waiting, or the next attempt. */
  readonly at?: number;
  /** Attempts that failed. */
  readonly a?: number;
  readonly e?: Problem;
  /** An attempt ended without telling whether it took effect. */
  readonly u?: true;
  /** It is given up, and being found out about. */
  readonly v?: true;
  /** Child; told to cancel. */
  readonly child?: string;
  readonly told?: true;
  /** An operator's word on what came back. */
  readonly given?: { readonly r?: unknown };
}

/** What the row has beside the journal. */
export interface DurableState {
  /** Start, epoch milliseconds: the function's first `now`. */
  readonly t0: number;
  /** Entries of the journal. */
  readonly entries: number;
  /** By index of the command. */
  readonly pending: Readonly<Record<string, PendingRecord>>;
  readonly progress?: Progress;
  /** What it returned, as JSON. */
  readonly result?: unknown;
  /** What it threw. */
  readonly error?: Problem;
  /** Index of the command that an operator is needed for. */
  readonly stuckAt?: number;
}

/** The state of a durable function that has just been started. */
export function firstState(nowMs: number): SagaState {
  return { ...emptyState, durable: { t0: nowMs, entries: 0, pending: {} } };
}

/** @throws TypeError if the row is that of a saga */
export function durableStateOf({ durable }: SagaState): DurableState {
  if (durable === undefined) throw new TypeError('the row is not that of a durable function');
  return durable;
}

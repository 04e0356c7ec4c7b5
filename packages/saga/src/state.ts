import type { Problem } from '@banyan/core';
import type { DurableState } from './durable/durable-state.ts';

export const sagaStatuses = [
  'running',
  'compensating',
  'completed',
  'compensated',
  'failed',
  'stuck',
] as const;
/**
 * `running`: on its way. `compensating`: being undone. `completed`: every step is done. `compensated`: everything that was done has been undone. `failed`: a
 * durable function that ended with an error. `stuck`: it cannot go on without an operator.
 */
export type SagaStatus = (typeof sagaStatuses)[number];

export const stepStates = [
  'failing',
  'waiting',
  'done',
  'ignored',
  'failed',
  'unsure',
  'void',
  'undone',
  'skipped',
] as const;
/**
 * `failing`: tried, to be tried again. `waiting`: for a time, a signal, a reply, a child. `ignored`: failed, and it does not matter. `failed`: why the saga turned
 * round. `unsure`: may have happened. `void`: known not to have happened, and never to. `skipped`: done by an operator's word.
 */
export type StepState = (typeof stepStates)[number];

/** What is known of one step. Keys are short: the whole state is written at each step. */
export interface StepRecord {
  readonly s: StepState;
  /** Result, as JSON. */
  readonly r?: unknown;
  /** Attempts that failed, of what is being tried now. */
  readonly n?: number;
  /** Those of them that failed among others of their transaction, and were made again at once: no policy counts them. */
  readonly d?: number;
  readonly e?: Problem;
  /** Epoch milliseconds: next attempt, or end of waiting. */
  readonly at?: number;
  /** An attempt ended without telling whether it took effect. */
  readonly u?: true;
  /** Reservation: when it ends; confirmed. */
  readonly x?: number;
  readonly c?: true;
  /** Message that was sent and whose reply is not there yet: its id, and what it is for. */
  readonly m?: { readonly id: string; readonly p: Exclude<Phase, 'void'> };
  /** Child saga; told to cancel. */
  readonly child?: string;
  readonly told?: true;
}

export const failureKinds = [
  'refused',
  'unavailable',
  'fault',
  'timeout',
  'deadline',
  'cancelled',
  'expired',
  'child',
] as const;
export type FailureKind = (typeof failureKinds)[number];

/** Why a saga turned round, or stopped. */
export interface SagaFailure {
  readonly kind: FailureKind;
  readonly step?: string;
  readonly error?: Problem;
  readonly reason?: string;
}

export interface SagaState {
  /** By name, in the order in which they began. */
  readonly steps: Readonly<Record<string, StepRecord>>;
  /** Names of steps that are done, in that order. */
  readonly done: readonly string[];
  /** Restarts so far. */
  readonly round: number;
  /** Positions of letters that were read. */
  readonly read: readonly number[];
  /** The pivot is passed: nothing is undone any more. */
  readonly forward?: true;
  readonly failure?: SagaFailure;
  readonly restart?: true;
  /** Not before, after a restart. */
  readonly at?: number;
  /** Of a durable function, which has no steps. */
  readonly durable?: DurableState;
  /** What an operator is needed for. */
  readonly stuck?: {
    readonly from: 'running' | 'compensating';
    readonly step: string;
    readonly phase: Phase;
  };
}

export const phases = ['do', 'undo', 'confirm', 'void'] as const;
export type Phase = (typeof phases)[number];

/** What came back for a message that the saga sent. */
export interface ReplyLetter {
  readonly kind: 'reply';
  /** Id of the message that it answers. */
  readonly message: string;
  /** The service that answers. */
  readonly from: string;
  /** Validated; undefined if the message expired before anybody began to handle it. */
  readonly reply: { readonly data: unknown } | undefined;
}

/** What others tell a saga; kept in the order in which it came. */
export type Letter =
  | { readonly kind: 'signal'; readonly name: string; readonly data: unknown; readonly key?: string }
  | { readonly kind: 'cancel'; readonly reason: string; readonly by: string }
  | ReplyLetter
  | ({
      readonly kind: 'child';
      readonly step: string;
      readonly child: string;
      readonly status: SagaStatus;
    } & ChildEnd);

/** Stands where a letter was that was read, and whose room was needed. */
export interface ReadLetter {
  readonly kind: 'read';
  /** Of a signal, which may come again. */
  readonly key?: string;
}

/** What others have told a saga, in the order in which it came. */
export type Mail = readonly (Letter | ReadLetter)[];

/** How a durable function ended that was somebody's child. */
export interface ChildEnd {
  readonly result?: { readonly value: unknown };
  readonly error?: Problem;
}

export const emptyState: SagaState = { steps: {}, done: [], round: 0, read: [] };

export function isEnded(status: SagaStatus): boolean {
  return status === 'completed' || status === 'compensated' || status === 'failed';
}

/** It does not go on by itself. */
export function isSettled(status: SagaStatus): boolean {
  return isEnded(status) || status === 'stuck';
}

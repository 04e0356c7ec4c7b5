import type { InputOf } from '@banyan/contract';
import type { Problem, User } from '@banyan/core';
import type { SagaFailure, SagaStatus, Startable } from '@banyan/saga';

export interface StartOptions {
  /** The same key is the same saga: a second start changes nothing, as long as the saga is remembered. At most 1,000 characters. */
  readonly idempotencyKey?: string;
  /** From the start, in milliseconds, instead of the definition's: for a time that is configuration. */
  readonly deadlineMs?: number;
}

/** Starts a saga or a durable function if the transaction commits. Returns its id, also if it had been started with the same key before. */
export type StartSaga = <S extends Startable>(
  saga: S,
  input: InputOf<S['input']>,
  options?: StartOptions,
) => string;

export interface SignalOptions {
  /** A second signal of the same key changes nothing. */
  readonly idempotencyKey?: string;
}

/**
 * Tells a saga what it waits for, or will: kept until a step of that name asks for it. Without effect once the saga has ended. Data that the step does not take
 * is refused when the transaction ends: `invalid_argument` `invalid_signal`; and so is a signal to a saga that has 1,000 letters or 1 MiB of them
 * to read: `resource_exhausted` `saga_mail_full`.
 */
export type SignalSaga = (sagaId: string, name: string, data?: unknown, options?: SignalOptions) => void;

/** Asks a saga to undo what it did; without effect once it has passed its pivot. A durable function is interrupted where it waits. */
export type CancelSaga = (sagaId: string, reason: string) => void;

/** What a handler may do to sagas within its transaction. */
export interface SagaActions {
  readonly start: StartSaga;
  readonly signalSaga: SignalSaga;
  readonly cancelSaga: CancelSaga;
}

/** How far a saga is. */
export interface SagaProgress {
  readonly id: string;
  readonly saga: string;
  readonly version: number;
  readonly status: SagaStatus;
  /** Results of the steps that are done, by name. */
  readonly results: Readonly<Record<string, unknown>>;
  /** What a durable function returned. */
  readonly result: unknown;
  /** Signals that it waits for. */
  readonly waitingFor: readonly string[];
  /** Share of the definition's own steps that are done, 0 to 1; of a durable function what it says itself. */
  readonly progress: number;
  /** What a durable function says about its progress. */
  readonly progressText: string | undefined;
  /** Why it is being undone, or is stuck. */
  readonly failure: SagaFailure | undefined;
}

/** How a saga stands. */
export interface SagaView extends SagaProgress {
  readonly startedBy: User | undefined;
  readonly deadlineAt: string | undefined;
  /** What a durable function threw. */
  readonly error: Problem | undefined;
  readonly input: unknown;
  readonly startedAt: string;
  readonly changedAt: string;
  readonly endedAt: string | undefined;
}

/** Sagas of the service, outside of a transaction. */
export interface Sagas {
  /** Starts a saga on its own; resolves when it is on record. */
  start<S extends Startable>(saga: S, input: InputOf<S['input']>, options?: StartOptions): Promise<string>;
  /** Undefined if there is none of that id, or no longer. */
  read(id: string): Promise<SagaView | undefined>;
  /** Waits until it has ended or is stuck, at most `timeoutMs`; resolves with how it stands then. */
  ended(id: string, options: { readonly timeoutMs: number }): Promise<SagaProgress | undefined>;
}

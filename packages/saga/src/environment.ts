import type { MessageType, Operation } from '@banyan/contract';
import type { Logger, Sql, User } from '@banyan/core';
import type { TxStepContext } from './definition/action.ts';

/** Whose saga it is that does something. */
export interface StepIdentity {
  readonly sagaId: string;
  readonly saga: string;
  readonly step: string;
  readonly user: User | undefined;
  readonly traceparent: string | undefined;
}

/** Which attempt at a step it is. */
export interface StepAttempt {
  /** It undoes what the step did, or makes sure that it does not happen. */
  readonly isWayBack: boolean;
  /** 1 for the first. */
  readonly attempt: number;
}

/** An attempt at a step that somebody watches. Tell once how it ended. */
export interface WatchedStep {
  /** To be used from now on: what the attempt causes belongs to it. */
  readonly identity: StepIdentity;
  /** Runs the step's own code, which others may have set off: what it asks belongs to this attempt. */
  within<Result>(work: () => Result): Result;
  ended(): void;
  /** It succeeded, and was undone with its transaction: it is attempted again. */
  undone(): void;
  failed(error: unknown): void;
}

export interface StepCall extends StepIdentity {
  readonly operation: Operation;
  readonly input: unknown;
  readonly idempotencyKey: string;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
}

export interface StepMessage extends StepIdentity {
  readonly message: MessageType;
  /** Validated by `send`. */
  readonly data: unknown;
  /** Nobody begins to handle it later; epoch milliseconds. */
  readonly expiresAtMs: number | undefined;
}

/** One open transaction of the service's database, which several sagas share. */
export interface SagaTransaction {
  readonly sql: Sql;
  /** True once a step asked the database again after others had asked: what rests on its first answer may be wrong, and all of it must be undone. */
  readonly isInterleaved: boolean;
  /**
   * Sends a message if the transaction commits, and returns its id. What comes back, its reply or the word that it expired, is posted to the saga as a
   * letter.
   * @throws ServiceError `invalid_argument` `invalid_input`
   */
  send(message: StepMessage): string;
  /** Lets one more step use the transaction; `onInterleaved` tells that it asks more than once. */
  open(identity: StepIdentity, onInterleaved: () => void): OpenStep;
}

/** One step's part in a transaction. */
export interface OpenStep {
  readonly context: Pick<TxStepContext, 'sql' | 'emit' | 'metrics' | 'log'>;
  readonly admission: {
    /** It asked the database after other steps had: if it fails, what they did, and is undone now, may be why. */
    readonly restsOnOthers: boolean;
  };
}

/** What the engine needs of the service that it runs sagas for. */
export interface SagaEnvironment {
  /** Runs `work` in one transaction, and records what was emitted as its last statements. `signal` undoes it, whatever it waits for. */
  transaction<Result>(
    work: (transaction: SagaTransaction) => Promise<Result>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<Result>;
  /** Calls an operation on behalf of the saga's user. Rejects with a `ServiceError`. */
  call(call: StepCall): Promise<unknown>;
  log(identity: StepIdentity): Logger;
  /** Watches an attempt at a step; undefined if nobody wants to. */
  watch?(identity: StepIdentity, attempt: StepAttempt): WatchedStep | undefined;
}

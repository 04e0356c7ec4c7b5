import {
  type AuditLog,
  type AuditOutcome,
  type AuditRecord,
  type AuditSealer,
  type AuditSearch,
  createAuditLog,
  createAuditSealer,
  type NewAuditRecord,
} from '@banyan/audit';
import type { Operation } from '@banyan/contract';
import {
  type CallContext,
  type Clock,
  type Database,
  isServiceError,
  type Logger,
  type Sql,
  uuidv7,
} from '@banyan/core';

/** Puts on record, in the open transaction, that something was done. */
export type Audit = (
  action: string,
  about?: {
    /** What it was done to, such as an order's id. */
    readonly subject?: string;
    /** JSON of at most 16 KiB that stays for ever: no secrets, and as little as possible about persons. */
    readonly details?: unknown;
  },
) => void;

/** What an audited call is about, by operation. */
export type AuditedOperations = Readonly<Record<string, (input: unknown) => string | undefined>>;

export interface AuditTrailOptions {
  readonly database: Database;
  readonly audited: AuditedOperations;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The audit log of one running service. */
export class AuditTrail {
  readonly #options: AuditTrailOptions;
  readonly #log: AuditLog;
  readonly #sealer: AuditSealer;

  constructor(options: AuditTrailOptions) {
    const { database, clock, logger } = options;
    this.#options = options;
    this.#log = createAuditLog({ database, clock });
    this.#sealer = createAuditSealer({ log: this.#log, clock, logger });
  }

  start(): void {
    this.#sealer.start();
  }

  stop(): Promise<void> {
    return this.#sealer.stop();
  }

  list(search: AuditSearch): Promise<readonly AuditRecord[]> {
    return this.#log.list(search);
  }

  /** The record of this call, unless its operation is not audited. */
  recordOf(operation: Operation, input: unknown, context: CallContext): CallRecord | undefined {
    const { audited } = this.#options;
    const subjectOf = Object.hasOwn(audited, operation.name) ? audited[operation.name] : undefined;
    if (subjectOf === undefined) return undefined;
    return new CallRecord(this, { action: operation.name, subject: printable(subjectOf(input)), context });
  }

  newRecord(action: string, context: CallContext, more: Partial<NewAuditRecord> = {}): NewAuditRecord {
    const { caller, trace } = context;
    const at = new Date(this.#options.clock.nowMs()).toISOString();
    return { id: uuidv7(), at, action, outcome: 'done', caller, traceId: trace.traceId, ...more };
  }

  append(
    { sql, onCommit }: { readonly sql: Sql; onCommit(listener: () => void): void },
    records: readonly NewAuditRecord[],
  ): Promise<void> {
    onCommit(() => this.#sealer.poke());
    return this.#log.append(sql, records);
  }

  /** In a transaction of its own. */
  write(record: NewAuditRecord): Promise<void> {
    return this.#options.database.tx((transaction) => this.append(transaction, [record]));
  }

  /** What is refused anyway is answered so even if that cannot be put on record. */
  async tryToWrite(record: NewAuditRecord): Promise<void> {
    try {
      await this.write(record);
    } catch (error) {
      const { action, outcome, traceId } = record;
      this.#options.logger.error('a call could not be put on record', { action, outcome, traceId, error });
    }
  }
}

/**
 * One call of an audited operation. What it did is on record with the first of its transactions that commits; without any, it is put on record before the
 * answer, and a call that cannot be is not answered.
 */
export class CallRecord {
  readonly #trail: AuditTrail;
  readonly #call: {
    readonly action: string;
    readonly subject: string | undefined;
    readonly context: CallContext;
  };
  #state: 'open' | 'in a transaction' | 'written' | 'left out' = 'open';

  constructor(
    trail: AuditTrail,
    call: { readonly action: string; readonly subject: string | undefined; readonly context: CallContext },
  ) {
    this.#trail = trail;
    this.#call = call;
  }

  get subject(): string | undefined {
    return this.#call.subject;
  }

  async around<Result>(run: () => Promise<Result>): Promise<Result> {
    let result: Result;
    try {
      result = await run();
    } catch (error) {
      if (this.#state !== 'left out')
        await this.#trail.tryToWrite(this.#record(outcomeOf(error), reasonOf(error)));
      throw error;
    }
    if (this.#state === 'open') await this.#trail.write(this.#record('done'));
    return result;
  }

  /** The call does nothing by itself, such as one that asks again for an answer that was given: no record. */
  leaveOut(): void {
    this.#state = 'left out';
  }

  /** Lets the transaction of `transact` have the record, unless another one of this call has or had it. */
  async carriedBy<Result>(
    transact: (record: NewAuditRecord | undefined) => Promise<Result>,
  ): Promise<Result> {
    if (this.#state !== 'open') return transact(undefined);
    this.#state = 'in a transaction';
    try {
      const result = await transact(this.#record('done'));
      this.#state = 'written';
      return result;
    } catch (error) {
      this.#state = 'open';
      throw error;
    }
  }

  #record(outcome: AuditOutcome, details?: unknown): NewAuditRecord {
    const { action, context, subject } = this.#call;
    return this.#trail.newRecord(action, context, {
      outcome,
      ...(subject === undefined ? undefined : { subject }),
      ...(details === undefined ? undefined : { details }),
    });
  }
}

/** What comes from outside is put on record whatever it is: nothing in it may keep the call from being recorded. */
function printable(subject: string | undefined): string | undefined {
  return (
    subject
      ?.slice(0, 256)
      .replaceAll(/\p{Cc}/gu, ' ')
      .toWellFormed() || undefined
  );
}

function outcomeOf(error: unknown): AuditOutcome {
  if (!isServiceError(error)) return 'failed';
  if (error.declared) return 'refused';
  return error.code === 'permission_denied' || error.code === 'unauthenticated' ? 'denied' : 'failed';
}

function reasonOf(error: unknown): { readonly reason: string } | undefined {
  return isServiceError(error) ? { reason: error.reason } : undefined;
}

import type { NewAuditRecord } from '@banyan/audit';
import { type CallContext, type Clock, type Logger, type ServiceError, uuidv7 } from '@banyan/core';
import type { Metrics } from '@banyan/telemetry';
import type { AuditTrail } from '../audit-trail.ts';

/** Puts on record, and counts, who was not let into one service. */
export interface DenialLog {
  /** A call that was refused before it began. Resolves when it is on record, or cannot be. */
  refusedCall(
    call: { readonly operation: string; readonly subject: string | undefined; readonly context: CallContext },
    refusal: ServiceError,
  ): Promise<void>;
  /** Somebody who could not prove who they are. */
  refusedCaller(refusal: ServiceError, address: string | undefined): void;
}

export interface DenialLogOptions {
  readonly service: string;
  /** Undefined for a service without a database, whose denials are in the log alone. */
  readonly audit: AuditTrail | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export function createDenialLog(options: DenialLogOptions): DenialLog {
  return new BoundedDenialLog(options);
}

/** Whoever knocks for ever may not fill the database: beyond this rate denials are counted, and recorded as a number. */
const recordsPerSecond = 20;
const burst = 200;

class BoundedDenialLog implements DenialLog {
  readonly #options: DenialLogOptions;
  readonly #count: (operation: string, reason: string) => void;
  #room = burst;
  #filledAtMs: number;
  #leftOut = 0;

  constructor(options: DenialLogOptions) {
    const { service, metrics, clock } = options;
    this.#options = options;
    this.#filledAtMs = clock.nowMs();
    const denied = metrics.counter({
      name: 'banyan_denied_calls_total',
      help: 'Calls that were refused because of who made them, by operation and reason.',
      labels: ['service', 'operation', 'reason'],
    });
    this.#count = (operation, reason) => denied.labels(service, operation, reason).inc();
  }

  async refusedCall(
    { operation, subject, context }: Parameters<DenialLog['refusedCall']>[0],
    refusal: ServiceError,
  ): Promise<void> {
    const { caller, trace } = context;
    await this.#record(operation, refusal, {
      caller,
      traceId: trace.traceId,
      ...(subject === undefined ? undefined : { subject }),
      details: { reason: refusal.reason, ...(refusal.details as object | undefined) },
    });
  }

  refusedCaller(refusal: ServiceError, address: string | undefined): void {
    const details = { reason: refusal.reason, ...(address === undefined ? undefined : { address }) };
    // Nobody waits for it: an answer to a stranger costs as little as it can.
    void this.#record('authenticate', refusal, { caller: {}, details });
  }

  async #record(
    action: string,
    { reason }: ServiceError,
    about: Pick<NewAuditRecord, 'caller' | 'details' | 'traceId' | 'subject'>,
  ): Promise<void> {
    this.#count(action, reason);
    if (!this.#takesOneMore()) {
      this.#leftOut += 1;
      return;
    }
    const { audit, logger, clock } = this.#options;
    if (this.#leftOut > 0) {
      logger.warn('denials came faster than they are put on record', { leftOut: this.#leftOut });
      this.#leftOut = 0;
    }
    logger.info('denied', { action, reason, caller: about.caller.service, traceId: about.traceId });
    const at = new Date(clock.nowMs()).toISOString();
    await audit?.tryToWrite({ id: uuidv7(), at, action, outcome: 'denied', ...about });
  }

  #takesOneMore(): boolean {
    const nowMs = this.#options.clock.nowMs();
    const filled = this.#room + ((nowMs - this.#filledAtMs) / 1_000) * recordsPerSecond;
    this.#room = Math.min(burst, filled);
    this.#filledAtMs = nowMs;
    if (this.#room < 1) return false;
    this.#room -= 1;
    return true;
  }
}

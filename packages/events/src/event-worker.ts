import { type Logger, ServiceError, sleep } from '@banyan/core';
import { topicOf, traceIdOfEvent } from './cloud-event.ts';
import type { ConsumerSettings } from './consumer-settings.ts';
import { createDelivery, type DeliveryResult } from './delivery.ts';
import type { Claim, Failure } from './inbox.ts';
import { toFailure } from './retry-policy.ts';
import { settlesWithin } from './settle.ts';

/** Claims events from the inbox, runs the handler for several at a time and records what came of it. */
export interface EventWorker {
  readonly inFlight: number;
  readonly lastError: unknown;
  start(): void;
  stop(timeoutMs: number): Promise<void>;
  poke(): void;
}

export function createEventWorker(settings: ConsumerSettings): EventWorker {
  return new InboxWorker(settings);
}

/** Time to record the outcome after the handler's deadline, before the lease ends. */
const leaseMarginMs = 10_000;
/** Deliveries that may end with the death of the process. More than `maxAttempts`, because the neighbours of a poison event die with it. */
const maxCrashes = 20;
const claimBackoffMs = 1_000;
const recordDelaysMs = [100, 400, 1_500, 4_000];
const abortGraceMs = 500;

class InboxWorker implements EventWorker {
  readonly #settings: ConsumerSettings;
  readonly #topics: ReadonlySet<string>;
  readonly #leaseMs: number;
  readonly #tasks = new Map<Promise<void>, AbortController>();
  readonly #timers = new Set<() => void>();
  #running = false;
  #hasEnded = false;
  #claiming: Promise<void> | undefined;
  #claimAgain = false;
  #isClaimUnsure = false;
  lastError: unknown;

  constructor(settings: ConsumerSettings) {
    this.#settings = settings;
    this.#topics = new Set(settings.topics);
    const runs = settings.deliverTwice === undefined ? 1 : 2;
    this.#leaseMs = settings.handlerTimeoutMs * runs + leaseMarginMs;
  }

  get inFlight(): number {
    return this.#tasks.size;
  }

  start(): void {
    this.#running = true;
    this.#hasEnded = false;
    this.#poll();
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#running = false;
    const { clock } = this.#settings;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    const endsAtMs = clock.nowMs() + timeoutMs;
    await settlesWithin(this.#claiming ?? Promise.resolve(), timeoutMs, clock);
    await settlesWithin(Promise.all(this.#tasks.keys()), endsAtMs - clock.nowMs(), clock);
    this.#hasEnded = true;
    if (this.#tasks.size > 0) await this.#abandon();
  }

  /** At most one claim is under way; slots that become free meanwhile go into the next, so that claims come in batches under load. */
  poke(): void {
    if (!this.#running || this.#tasks.size >= this.#settings.concurrency) return;
    if (this.#claiming !== undefined) {
      this.#claimAgain = true;
      return;
    }
    this.#claimAgain = false;
    this.#claiming = this.#claim().finally(() => {
      this.#claiming = undefined;
      if (this.#claimAgain) this.poke();
    });
  }

  /** Handlers that outlive the stop are fenced off: their events go to somebody else, and they can commit nothing. */
  async #abandon(): Promise<void> {
    const { inbox, instance, logger, clock } = this.#settings;
    logger.warn('handlers did not finish before the stop', { inFlight: this.#tasks.size });
    for (const controller of this.#tasks.values()) controller.abort(stopped());
    await settlesWithin(Promise.all(this.#tasks.keys()), abortGraceMs, clock);
    try {
      await inbox.release(instance);
    } catch (error) {
      logger.warn('events could not be given back; they return when their leases end', { error });
    }
  }

  #poll(): void {
    this.poke();
    this.#after(this.#settings.pollIntervalMs, () => this.#poll());
  }

  async #claim(): Promise<void> {
    const { inbox, instance, concurrency, logger } = this.#settings;
    const limit = concurrency - this.#tasks.size;
    try {
      if (this.#isClaimUnsure && this.#tasks.size === 0) {
        await inbox.release(instance);
        this.#isClaimUnsure = false;
      }
      const claims = await inbox.claim({ owner: instance, limit, leaseMs: this.#leaseMs });
      if (claims.length > 0) this.lastError = undefined;
      if (this.#hasEnded) await inbox.release(instance);
      else for (const claim of claims) this.#begin(claim);
    } catch (error) {
      this.lastError = error;
      this.#claimAgain = false;
      // The answer may have been lost on its way: then we hold leases that we do not know of.
      this.#isClaimUnsure = true;
      logger.warn('no events could be claimed', { error, retryInMs: claimBackoffMs });
      this.#after(claimBackoffMs, () => this.poke());
    }
  }

  #begin(claim: Claim): void {
    const controller = new AbortController();
    const task = this.#deliver(claim, controller).finally(() => {
      this.#tasks.delete(task);
      this.poke();
    });
    this.#tasks.set(task, controller);
  }

  async #deliver(claim: Claim, controller: AbortController): Promise<void> {
    const traceId = traceIdOfEvent(claim.event);
    const log = this.#settings.logger.with({
      eventId: claim.event.id,
      topic: topicOf(claim.event),
      attempt: claim.attempt,
      ...(traceId === undefined ? undefined : { traceId }),
    });
    try {
      const result = await this.#run(claim, controller);
      if (result.kind === 'handled') return;
      const failure = toFailure(result.error, claim, this.#settings);
      const isRecorded = await this.#record(claim, failure);
      if (isRecorded) this.#report(failure, result.error, log);
      else log.debug('the event was finished or taken over meanwhile', { error: result.error });
    } catch (error) {
      this.lastError = error;
      log.warn('the outcome could not be recorded; the event is delivered again when its lease ends', {
        error,
      });
    }
  }

  /** Tries for a few seconds: a lease that is left to end holds the event back for much longer than a database takes to restart. */
  async #record(claim: Claim, failure: Failure): Promise<boolean> {
    const { inbox, clock } = this.#settings;
    for (const delayMs of recordDelaysMs) {
      try {
        return await inbox.fail(claim, failure);
      } catch (error) {
        this.lastError = error;
        await sleep(delayMs, clock);
      }
    }
    return inbox.fail(claim, failure);
  }

  async #run(claim: Claim, controller: AbortController): Promise<DeliveryResult> {
    if (!this.#topics.has(topicOf(claim.event))) return { kind: 'failed', error: noHandler(claim) };
    if (claim.attempt - 1 - claim.failures - claim.deferrals >= maxCrashes) {
      return { kind: 'failed', error: crashed(claim) };
    }
    return createDelivery({ ...this.#settings, claim, controller }).run();
  }

  #report(failure: Failure, error: unknown, log: Logger): void {
    if (failure.kind === 'dead') {
      log.error('the event is dead; later events of its key wait', { error });
      return;
    }
    log.warn('the event is delivered again', { error, retryInMs: failure.retryAfterMs });
    // The database's clock decides; a few milliseconds more spare a claim that would come too early.
    this.#after(failure.retryAfterMs + 5, () => this.poke());
  }

  #after(delayMs: number, action: () => void): void {
    if (!this.#running) return;
    const cancel = this.#settings.clock.setTimer(() => {
      this.#timers.delete(cancel);
      action();
    }, delayMs);
    this.#timers.add(cancel);
  }
}

function stopped(): ServiceError {
  return new ServiceError('The consumer stops.', { code: 'cancelled', reason: 'consumer_stopped' });
}

function noHandler({ event }: Claim): ServiceError {
  return new ServiceError(`No handler for ${topicOf(event)} in this version.`, {
    code: 'unavailable',
    reason: 'no_handler',
  });
}

function crashed({ attempt }: Claim): ServiceError {
  return new ServiceError(`The process died in most of ${attempt - 1} deliveries.`, {
    code: 'internal',
    reason: 'process_crashed',
  });
}

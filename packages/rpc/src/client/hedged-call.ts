import { type ServiceError, toServiceError } from '@banyan/core';
import { isRetryable } from '@banyan/resilience';
import { type CancelTarget, claimCallContext, type RunnableCallContext } from '../call-context.ts';
import { RemoteCall, type RemoteCallOptions } from './remote-call.ts';
import type { RemoteService } from './remote-service.ts';

/**
 * A call for which a second instance is asked when the first one takes long (Dean and Barroso, The Tail at Scale, 2013). The first
 * answer wins, a refusal being one; the other call is cancelled. It fails when both have.
 */
export class HedgedCall implements CancelTarget {
  readonly #service: RemoteService;
  readonly #options: RemoteCallOptions;
  readonly #scopes: RunnableCallContext[] = [];
  #first: RemoteCall | undefined;
  #running = 0;
  #stopTimer: (() => void) | undefined;
  #firstError: ServiceError | undefined;
  #settled = false;

  constructor(service: RemoteService, options: RemoteCallOptions) {
    this.#service = service;
    this.#options = options;
  }

  start(afterMs: number): void {
    this.#options.scope.onCancel(this);
    this.#stopTimer = this.#service.clock.setTimer(() => this.#hedge(), afterMs);
    this.#first = this.#begin();
    this.#first.start();
  }

  /** From the context: nobody waits any more. The attempts hear of it as well, and one of them fails the call. */
  cancel(): void {
    this.#stopTimer?.();
  }

  #hedge(): void {
    const { bulkhead, budget, metrics } = this.#service;
    const beside = this.#first?.instance;
    // Between attempts, or in the queue, it is not an instance that is slow.
    if (beside === undefined || !budget.withdraw()) return;
    if (!bulkhead.tryEnter()) return;
    metrics?.hedged();
    this.#options.span?.event('hedge');
    this.#begin(beside).start();
  }

  #begin(beside?: RemoteCallOptions['beside']): RemoteCall {
    const own = claimCallContext(this.#options.scope, Number.POSITIVE_INFINITY);
    this.#scopes.push(own);
    this.#running += 1;
    return new RemoteCall(this.#service, {
      ...this.#options,
      scope: own,
      beside,
      resolve: (output) => this.#settle(() => this.#options.resolve(output)),
      reject: (error) => this.#failed(toServiceError(error)),
    });
  }

  #failed(error: ServiceError): void {
    if (this.#settled) return;
    this.#running -= 1;
    this.#firstError ??= error;
    const isAnswer = !isRetryable(error, true);
    if (isAnswer) this.#settle(() => this.#options.reject(error));
    else if (this.#running === 0) this.#settle(() => this.#options.reject(this.#firstError));
  }

  #settle(tell: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#stopTimer?.();
    const { scope } = this.#options;
    scope.offCancel(this);
    tell();
    for (const each of this.#scopes) each.cancel();
    scope.end();
  }
}

import type { Upload } from '@banyan/contract';
import { ServiceError, toServiceError } from '@banyan/core';
import { type CircuitState, failureKindOf, isRetryable } from '@banyan/resilience';
import type { Span } from '@banyan/telemetry';
import type { CancelTarget, RunnableCallContext } from '../call-context.ts';
import type { ClientLink, LaneCall } from '../lane/client-link.ts';
import { type CallUpload, createCallUpload } from './call-upload.ts';
import { sendHttpCall } from './http-call.ts';
import type { RemoteInstance } from './remote-instance.ts';
import type { RemoteOperation } from './remote-operation.ts';
import type { RemoteService } from './remote-service.ts';

export interface RemoteCallOptions {
  readonly remote: RemoteOperation;
  readonly input: unknown;
  /** The input as JSON text; empty for an operation that goes over HTTP. */
  readonly inputJson: string;
  readonly scope: RunnableCallContext;
  /** Of the call as a whole, whoever makes it. */
  readonly span: Span | undefined;
  readonly upload: Upload | undefined;
  /** A second attempt beside one that is under way: made once, at once or not at all, and if possible elsewhere. */
  readonly beside?: RemoteInstance | undefined;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Errors by which an instance says that it is leaving: nothing is wrong with it, and the work did not start. */
const farewells: readonly string[] = ['shutting_down', 'link_expired'];
/** A longer wait belongs to the caller, not in the middle of a call. */
const maxRetryDelayMs = 1_000;

/** One call to a remote service: waits for a slot and an instance, sends, waits for the answer, repeats if that is safe. */
export class RemoteCall implements CancelTarget, LaneCall {
  readonly context: RunnableCallContext;
  readonly inputJson: string;
  readonly #service: RemoteService;
  readonly #options: RemoteCallOptions;
  #attempts = 0;
  #hasSlot = false;
  #settled = false;
  /** The attempt under way: where, with whose leave, and since when if that is of interest. */
  #instance: RemoteInstance | undefined = undefined;
  #permit = 0;
  #startedAtMs = 0;
  /** Where the last attempt failed. */
  #failedAt: RemoteInstance | undefined = undefined;
  #link: ClientLink | undefined = undefined;
  #laneId = 0;
  /** Ends whatever else the call waits for. */
  #stopWaiting: (() => void) | undefined = undefined;
  #waitsForInstance = false;
  #upload: CallUpload | undefined;
  /** The first error that leaves open whether the work ran; no later one may say that it did not. */
  #unknownOutcome: ServiceError | undefined = undefined;

  constructor(service: RemoteService, options: RemoteCallOptions) {
    this.#service = service;
    this.#options = options;
    this.context = options.scope;
    this.inputJson = options.inputJson;
  }

  get operationName(): string {
    return this.#options.remote.operation.name;
  }

  /** Where the attempt that is under way is made. */
  get instance(): RemoteInstance | undefined {
    return this.#instance;
  }

  start(): void {
    this.context.onCancel(this);
    if (this.#settled) return;
    try {
      const { remote, upload, beside } = this.#options;
      this.#upload = createCallUpload(remote.operation, upload);
      if (beside === undefined) this.#service.budget.deposit();
      if (beside !== undefined || this.#service.bulkhead.tryEnter()) {
        this.#hasSlot = true;
        this.#attempt();
      } else this.#waitForSlot();
    } catch (error) {
      this.#finish(error);
    }
  }

  /** From the context: nobody waits any more. */
  cancel(reason: ServiceError): void {
    if (this.#settled) return;
    this.#stopWaiting?.();
    this.#link?.cancel(this.#laneId);
    this.#report(reason);
    this.#finish(this.#waitsForInstance && reason.code === 'deadline_exceeded' ? this.#noInstance() : reason);
  }

  onResult(output: unknown): void {
    if (this.#settled) return;
    const instance = this.#instance;
    if (instance !== undefined) {
      this.#tellAddress(instance);
      const before = instance.breaker.state;
      instance.leave(this.#permit, 'none', this.#slowness());
      this.#tellBreaker(instance, before);
      this.#instance = undefined;
    }
    this.#release();
    this.#options.resolve(output);
  }

  onError(error: ServiceError): void {
    if (this.#settled) return;
    this.#link = undefined;
    this.#stopWaiting = undefined;
    const checked = this.#withoutForeignRefusal(error);
    this.#report(checked);
    if (this.#mayRetry(checked)) this.#retry(checked);
    else this.#finish(checked);
  }

  #waitForSlot(): void {
    this.#service.bulkhead.enter(this.context.signal).then(
      () => {
        if (this.#settled) {
          this.#service.bulkhead.leave();
          return;
        }
        this.#hasSlot = true;
        this.#attempt();
      },
      (error) => this.#finish(error),
    );
  }

  #attempt(): void {
    const service = this.#service;
    const { remote, input, beside } = this.#options;
    const avoid = this.#failedAt ?? beside;
    const instance = service.pick({ remote, input, context: this.context, avoid });
    if (instance === undefined) {
      this.#waitOrRefuse();
      return;
    }
    this.#attempts += 1;
    this.#permit = instance.enter();
    this.#instance = instance;
    this.#startedAtMs = service.compares ? service.clock.nowMs() : 0;
    const { user } = this.context.caller;
    const assertion = user === undefined ? undefined : service.tokens.cachedUser(user);
    const isProven = user === undefined || assertion !== undefined;
    if (this.inputJson === '' || !instance.hasLane) this.#prepareHttp(instance);
    else if (instance.link === undefined || !isProven) this.#prepareLane(instance);
    else this.#sendOverLane(instance.link, assertion);
  }

  /** No instance takes a call: waits for one to appear, unless there are some and their circuits are open. */
  #waitOrRefuse(): void {
    const [first] = this.#service.instances();
    if (first !== undefined) {
      this.#tellBreaker(first, undefined);
      this.#finish(first.breaker.refusal());
      return;
    }
    this.#waitsForInstance = true;
    this.#stopWaiting = this.#service.onNextChange(() => {
      this.#waitsForInstance = false;
      this.#stopWaiting = undefined;
      this.#attempt();
    });
  }

  #sendOverLane(link: ClientLink, user: string | undefined): void {
    this.#link = link;
    this.#laneId = link.send(this, user);
  }

  #prepareLane(instance: RemoteInstance): void {
    const connect = async () => {
      const user = await this.#assertion();
      return { user, link: instance.link ?? (await instance.connect()) };
    };
    this.#whenReady(connect(), ({ user, link }) => {
      if (link === undefined) this.#prepareHttp(instance);
      else this.#sendOverLane(link, user);
    });
  }

  #prepareHttp(instance: RemoteInstance): void {
    const prove = async () => {
      const token = await this.#service.tokens.issue(this.#service.name);
      return { token, user: await this.#assertion() };
    };
    this.#whenReady(prove(), (proof) => this.#sendRequest(instance, proof));
  }

  /** Goes on with the attempt, unless the call has ended or begun another one meanwhile. */
  #whenReady<Ready>(pending: Promise<Ready>, next: (ready: Ready) => void): void {
    const attempt = this.#attempts;
    const isCurrent = () => !this.#settled && attempt === this.#attempts;
    pending.then(
      (ready) => {
        if (isCurrent()) next(ready);
      },
      (error) => {
        if (isCurrent()) this.onError(toServiceError(error));
      },
    );
  }

  #sendRequest(
    instance: RemoteInstance,
    proof: { readonly token: string; readonly user: string | undefined },
  ): void {
    const { remote, input } = this.#options;
    const { transport, clock, maxResponseBytes } = this.#service;
    try {
      this.#stopWaiting = sendHttpCall({
        url: instance.instance.url,
        operation: remote.operation,
        input,
        context: this.context,
        upload: this.#upload?.upload,
        ...proof,
        transport,
        clock,
        maxResponseBytes,
        onResult: (output) => this.onResult(output),
        onError: (error) => this.onError(error),
      });
    } catch (error) {
      this.onError(toServiceError(error));
    }
  }

  async #assertion(): Promise<string | undefined> {
    const { user } = this.context.caller;
    return user === undefined ? undefined : this.#service.tokens.issueUser(user);
  }

  /** Tells the breaker how the attempt ended. */
  #report(error: ServiceError): void {
    const instance = this.#instance;
    if (instance === undefined) return;
    this.#instance = undefined;
    this.#failedAt = instance;
    if (error.reason === 'connection_refused') instance.refused();
    if (!error.notStarted) this.#unknownOutcome ??= error;
    const outcome = farewells.includes(error.reason) ? 'cancelled' : failureKindOf(error);
    const slowness = error.code === 'cancelled' ? this.#slownessSoFar() : undefined;
    const before = instance.breaker.state;
    instance.leave(this.#permit, outcome, slowness);
    this.#tellBreaker(instance, before);
  }

  #tellAddress({ address }: RemoteInstance): void {
    this.#options.span?.set('server.address', address.host);
    this.#options.span?.set('server.port', address.port);
  }

  #tellBreaker({ breaker, address }: RemoteInstance, before: CircuitState | undefined): void {
    const { state } = breaker;
    if (state === before) return;
    const attributes = { 'server.address': address.host, 'server.port': address.port };
    this.#options.span?.event('breaker', { 'banyan.breaker.state': state, ...attributes });
  }

  /** Of the attempt that was answered. */
  #slowness(): number | undefined {
    if (this.#startedAtMs === 0) return undefined;
    return this.#options.remote.took(this.#service.clock.nowMs() - this.#startedAtMs);
  }

  /** Of one that was given up, maybe for another answer that came first: it would have taken longer, so only that it is slow can be said. */
  #slownessSoFar(): number | undefined {
    const slowness = this.#slowness();
    return slowness !== undefined && slowness > 1 ? slowness : undefined;
  }

  #mayRetry(error: ServiceError): boolean {
    const { remote, beside } = this.#options;
    if (beside !== undefined || this.#attempts >= this.#service.maxAttempts) return false;
    if (!isRetryable(error, remote.operation.idempotent) || this.#upload?.begun === true) return false;
    if ((error.retryAfterMs ?? 0) > maxRetryDelayMs) return false;
    return this.#service.budget.withdraw();
  }

  #retry(error: ServiceError): void {
    this.#service.metrics?.retried();
    const delayMs = Math.max(this.#service.backoff.delayMs(this.#attempts - 1), error.retryAfterMs ?? 0);
    const attempt = { 'banyan.attempt': this.#attempts, 'error.type': error.reason };
    this.#options.span?.event('retry', { ...attempt, 'banyan.retry.delay_ms': Math.round(delayMs) });
    this.#stopWaiting = this.#service.clock.setTimer(() => {
      this.#stopWaiting = undefined;
      this.#attempt();
    }, delayMs);
  }

  /** A refusal is only one if this contract, not merely the callee's version of it, declares it. */
  #withoutForeignRefusal(error: ServiceError): ServiceError {
    if (!error.declared || Object.hasOwn(this.#options.remote.operation.errors, error.reason)) return error;
    return new ServiceError(error.message, {
      code: error.code,
      reason: error.reason,
      status: error.status,
      details: error.details,
    });
  }

  #finish(error: unknown): void {
    if (this.#settled) return;
    if (this.#failedAt !== undefined) this.#tellAddress(this.#failedAt);
    this.#release();
    const mayHaveRun = this.#unknownOutcome !== undefined && toServiceError(error).notStarted;
    this.#options.reject(mayHaveRun ? this.#unknownOutcome : error);
  }

  #release(): void {
    this.#settled = true;
    if (this.#hasSlot) this.#service.bulkhead.leave();
    this.context.offCancel(this);
    this.context.end();
  }

  #noInstance(): ServiceError {
    return new ServiceError(`No instance of '${this.#service.name}' was found in time.`, {
      code: 'unavailable',
      reason: 'no_instance',
      notStarted: true,
    });
  }
}

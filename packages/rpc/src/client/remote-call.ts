import type { Operation, Upload } from '@banyan/contract';
import { ServiceError, toServiceError } from '@banyan/core';
import { failureKindOf, isRetryable } from '@banyan/resilience';
import type { CancelTarget, RunnableCallContext } from '../call-context.ts';
import { checkUpload } from '../http/upload.ts';
import type { ClientLink, LaneCall } from '../lane/client-link.ts';
import { sendHttpCall } from './http-call.ts';
import type { RemoteInstance } from './remote-instance.ts';
import type { RemoteService } from './remote-service.ts';

export interface RemoteCallOptions {
  readonly operation: Operation;
  readonly input: unknown;
  /** The input as JSON text; empty for an operation that goes over HTTP. */
  readonly inputJson: string;
  readonly scope: RunnableCallContext;
  readonly upload: Upload | undefined;
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
  /** The attempt under way: where, and with whose leave. */
  #instance: RemoteInstance | undefined = undefined;
  #permit = 0;
  #link: ClientLink | undefined = undefined;
  #laneId = 0;
  /** Ends whatever else the call waits for. */
  #stopWaiting: (() => void) | undefined = undefined;
  #waitsForInstance = false;
  #upload: Upload | undefined;
  #uploadBegun = false;
  /** The first error that leaves open whether the work ran; no later one may say that it did not. */
  #unknownOutcome: ServiceError | undefined = undefined;

  constructor(service: RemoteService, options: RemoteCallOptions) {
    this.#service = service;
    this.#options = options;
    this.context = options.scope;
    this.inputJson = options.inputJson;
  }

  get operationName(): string {
    return this.#options.operation.name;
  }

  start(): void {
    this.context.onCancel(this);
    if (this.#settled) return;
    try {
      this.#upload = this.#prepareUpload();
      this.#service.budget.deposit();
      if (this.#service.bulkhead.tryEnter()) {
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
      instance.inFlight -= 1;
      instance.breaker.succeeded(this.#permit);
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
    const instance = service.pick();
    if (instance === undefined) {
      this.#waitOrRefuse();
      return;
    }
    this.#attempts += 1;
    this.#permit = instance.breaker.admit();
    this.#instance = instance;
    instance.inFlight += 1;
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
    const { operation, input } = this.#options;
    const { transport, clock, maxResponseBytes } = this.#service;
    try {
      this.#stopWaiting = sendHttpCall({
        url: instance.instance.url,
        operation,
        input,
        context: this.context,
        upload: this.#upload,
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
    instance.inFlight -= 1;
    if (error.reason === 'connection_refused') instance.refused();
    if (!error.notStarted) this.#unknownOutcome ??= error;
    const kind = farewells.includes(error.reason) ? 'cancelled' : failureKindOf(error);
    if (kind === 'none') instance.breaker.succeeded(this.#permit);
    else if (kind === 'cancelled') instance.breaker.abandoned(this.#permit);
    else instance.breaker.failed(this.#permit, kind);
  }

  #mayRetry(error: ServiceError): boolean {
    const { operation, upload } = this.#options;
    if (!isRetryable(error, operation.idempotent) || this.#attempts >= this.#service.maxAttempts)
      return false;
    if (upload !== undefined && this.#uploadBegun) return false;
    if ((error.retryAfterMs ?? 0) > maxRetryDelayMs) return false;
    return this.#service.budget.withdraw();
  }

  #retry(error: ServiceError): void {
    this.#service.metrics?.retried();
    const delayMs = Math.max(this.#service.backoff.delayMs(this.#attempts - 1), error.retryAfterMs ?? 0);
    this.#stopWaiting = this.#service.clock.setTimer(() => {
      this.#stopWaiting = undefined;
      this.#attempt();
    }, delayMs);
  }

  /** A refusal is only one if this contract, not merely the callee's version of it, declares it. */
  #withoutForeignRefusal(error: ServiceError): ServiceError {
    if (!error.declared || Object.hasOwn(this.#options.operation.errors, error.reason)) return error;
    return new ServiceError(error.message, {
      code: error.code,
      reason: error.reason,
      status: error.status,
      details: error.details,
    });
  }

  #prepareUpload(): Upload | undefined {
    const { operation, upload } = this.#options;
    if (operation.upload === undefined) return undefined;
    const checked = checkUpload(upload, operation.upload);
    return { ...checked, body: this.#watchUpload(checked.body) };
  }

  async *#watchUpload(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    this.#uploadBegun = true;
    yield* body;
  }

  #finish(error: unknown): void {
    if (this.#settled) return;
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

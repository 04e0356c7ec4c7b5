import type { Contract, Upload } from '@banyan/contract';
import type { CallContext, User } from '@banyan/core';
import { createCallContext, deriveCallContext } from '../call-context.ts';
import type { Endpoint } from '../endpoint.ts';
import type { OperationHandle } from '../local-endpoint.ts';
import { probe } from './probe-contract.ts';

/** A service under test, and the way to it. */
export interface EndpointHarness {
  /** The service as `caller` sees it. */
  endpoint(caller: string): Endpoint;
  close(): Promise<void>;
}

export interface EndpointSuiteOptions {
  /** Brings up a service that keeps `contract` by `handle`, in the placement under test. */
  open(contract: Contract, handle: OperationHandle): Promise<EndpointHarness>;
}

export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly idempotencyKey?: string;
  readonly upload?: Upload;
  readonly user?: User;
  readonly parent?: CallContext;
}

/** The service of the test that runs now. */
export class Bench {
  readonly #options: EndpointSuiteOptions;
  #harnesses: EndpointHarness[] = [];
  /** Timers of the platform keep no process alive; a test that waits for one must. */
  #alive: NodeJS.Timeout | undefined;

  constructor(options: EndpointSuiteOptions) {
    this.#options = options;
  }

  async close(): Promise<void> {
    clearInterval(this.#alive);
    this.#alive = undefined;
    await Promise.all(this.#harnesses.splice(0).map((harness) => harness.close()));
  }

  /** Calls to a service that answers with `handle`. */
  async open(handle: OperationHandle): Promise<Caller> {
    this.#alive ??= setInterval(() => {}, 1_000);
    const harness = await this.#options.open(probe, handle);
    this.#harnesses.push(harness);
    return new Caller(harness.endpoint('tester'));
  }
}

export class Caller {
  readonly endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** Calls as the chassis does: in a context derived from that of the work at hand. */
  call(operation: string, input: unknown, options: CallOptions = {}): Promise<unknown> {
    const { user, timeoutMs = 10_000 } = options;
    const parent =
      options.parent ??
      createCallContext({ caller: user === undefined ? { service: 'root' } : { service: 'root', user } });
    const context = deriveCallContext(parent, {
      service: 'tester',
      timeoutMs,
      idempotencyKey: options.idempotencyKey,
      signal: options.signal,
    });
    return this.endpoint.call(operation, input, context, options.upload);
  }
}

/** Rejects only when `signal` aborts, with its reason. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

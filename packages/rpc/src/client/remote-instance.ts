import type { Clock } from '@banyan/core';
import type { Instance } from '@banyan/discovery';
import type { Backoff, CircuitBreaker } from '@banyan/resilience';
import type { ClientLink } from '../lane/client-link.ts';

export interface RemoteInstanceOptions {
  readonly instance: Instance;
  readonly breaker: CircuitBreaker;
  readonly clock: Clock;
  readonly backoff: Backoff;
  /** Opens a lane; undefined if the instance has none. */
  readonly connect: (instance: Instance) => Promise<ClientLink | undefined>;
}

/** One instance of a service as one caller sees it. */
export interface RemoteInstance {
  readonly instance: Instance;
  readonly breaker: CircuitBreaker;
  inFlight: number;
  /** Not known to refuse connections at the moment. */
  readonly reachable: boolean;
  /** False once the instance has shown that it only speaks HTTP. */
  readonly hasLane: boolean;
  /** The lane, if one is open. */
  readonly link: ClientLink | undefined;
  /** The lane, opened if need be, one attempt at a time; undefined if the instance has none. */
  connect(): Promise<ClientLink | undefined>;
  /** A connection was refused: calls go elsewhere for a while, longer each time. */
  refused(): void;
  /** The instance has left the registry: its lane closes when its calls are answered. */
  retire(): void;
  destroy(): void;
}

export function createRemoteInstance(options: RemoteInstanceOptions): RemoteInstance {
  return new LinkedInstance(options);
}

class LinkedInstance implements RemoteInstance {
  readonly instance: Instance;
  readonly breaker: CircuitBreaker;
  readonly #options: RemoteInstanceOptions;
  inFlight = 0;
  hasLane = true;
  #link: ClientLink | undefined;
  #connecting: Promise<ClientLink | undefined> | undefined;
  #refusals = 0;
  #refusedUntilMs = 0;
  #retired = false;

  constructor(options: RemoteInstanceOptions) {
    this.#options = options;
    this.instance = options.instance;
    this.breaker = options.breaker;
  }

  get reachable(): boolean {
    return this.#refusedUntilMs === 0 || this.#options.clock.nowMs() >= this.#refusedUntilMs;
  }

  get link(): ClientLink | undefined {
    return this.#link?.usable ? this.#link : undefined;
  }

  connect(): Promise<ClientLink | undefined> {
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  refused(): void {
    this.#refusedUntilMs = this.#options.clock.nowMs() + this.#options.backoff.delayMs(this.#refusals);
    this.#refusals += 1;
  }

  retire(): void {
    this.#retired = true;
    this.#link?.drain();
  }

  destroy(): void {
    this.#retired = true;
    this.#link?.destroy();
  }

  async #connect(): Promise<ClientLink | undefined> {
    const link = await this.#options.connect(this.instance);
    this.#refusals = 0;
    this.#refusedUntilMs = 0;
    if (link === undefined) this.hasLane = false;
    this.#link = link;
    // A call that came before the retirement still gets its answer.
    if (this.#retired) queueMicrotask(() => link?.drain());
    return link;
  }
}

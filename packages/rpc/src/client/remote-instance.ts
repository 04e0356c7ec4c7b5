import type { Clock } from '@banyan/core';
import type { Instance, TrackedInstance } from '@banyan/discovery';
import type { Backoff, CircuitBreaker, OutcomeKind } from '@banyan/resilience';
import type { ClientLink } from '../lane/client-link.ts';

export interface RemoteInstanceOptions {
  readonly instance: Instance;
  readonly breaker: CircuitBreaker;
  readonly outlier: TrackedInstance;
  readonly clock: Clock;
  readonly backoff: Backoff;
  /** Opens a lane; undefined if the instance has none. */
  readonly connect: (instance: Instance) => Promise<ClientLink | undefined>;
}

/** One instance of a service as one caller sees it. */
export interface RemoteInstance {
  readonly instance: Instance;
  readonly breaker: CircuitBreaker;
  /** How it compares with the other instances. */
  readonly outlier: TrackedInstance;
  readonly inFlight: number;
  /** Where it listens, for spans. */
  readonly address: { readonly host: string; readonly port: number };
  /** Not known to refuse connections at the moment. */
  readonly reachable: boolean;
  /** False once the instance has shown that it only speaks HTTP. */
  readonly hasLane: boolean;
  /** The lane, if one is open. */
  readonly link: ClientLink | undefined;
  /** Counts an attempt that begins. @returns the permit to `leave` with @throws ServiceError `circuit_open` */
  enter(): number;
  /**
   * How the attempt ended, `none` being an answer.
   * @param slowness see `TrackedInstance.record`; undefined if nothing was measured
   */
  leave(permit: number, outcome: OutcomeKind, slowness: number | undefined): void;
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
  readonly outlier: TrackedInstance;
  readonly #options: RemoteInstanceOptions;
  inFlight = 0;
  hasLane = true;
  readonly address: RemoteInstance['address'];
  #link: ClientLink | undefined;
  #connecting: Promise<ClientLink | undefined> | undefined;
  #refusals = 0;
  #refusedUntilMs = 0;
  #retired = false;

  constructor(options: RemoteInstanceOptions) {
    this.#options = options;
    this.instance = options.instance;
    this.breaker = options.breaker;
    this.outlier = options.outlier;
    const { hostname, port, protocol } = new URL(options.instance.url);
    this.address = { host: hostname, port: Number(port) || (protocol === 'https:' ? 443 : 80) };
  }

  get reachable(): boolean {
    return this.#refusedUntilMs === 0 || this.#options.clock.nowMs() >= this.#refusedUntilMs;
  }

  get link(): ClientLink | undefined {
    return this.#link?.usable ? this.#link : undefined;
  }

  enter(): number {
    const permit = this.breaker.admit();
    this.inFlight += 1;
    return permit;
  }

  leave(permit: number, outcome: OutcomeKind, slowness: number | undefined): void {
    this.inFlight -= 1;
    if (outcome === 'none') this.breaker.succeeded(permit);
    else if (outcome === 'cancelled') this.breaker.abandoned(permit);
    else this.breaker.failed(permit, outcome);
    const failed = outcome === 'error' || outcome === 'timeout';
    if (failed) this.outlier.record('failed');
    else if (slowness !== undefined) this.outlier.record(slowness);
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
    this.outlier.forget();
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

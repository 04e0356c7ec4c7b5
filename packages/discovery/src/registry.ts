import type { Instance } from './instance.ts';

/** An instance as the registry itself sees it now. */
export interface InstanceStatus {
  readonly instance: Instance;
  /** RFC 3339 UTC; the instance is dropped then unless it renews its lease. Undefined where the registry has no leases. */
  readonly expiresAt: string | undefined;
}

/**
 * Where callers find instances of a service.
 *
 * Reading never waits and never fails: {@link ServiceWatch.instances} answers from this process's own copy of the list. **While the
 * registry cannot be reached the copy stays in use as it was last seen**, however long that takes; it catches up by itself
 * afterwards. A listed instance may therefore be gone, and a caller treats a refused connection as "try another one".
 *
 * **Staleness bound**: an instance that deregisters leaves every reachable copy within a second. One that dies without (kill -9, power, network)
 * is listed at most {@link Registry.staleAfterMs} longer.
 *
 * Implementations pass `describeRegistry` of `@banyan/discovery/testing`. All methods are safe for concurrent use.
 */
export interface Registry {
  /** The staleness bound in milliseconds: lease plus the delay of its detection. `Infinity` if dead instances are never dropped. */
  readonly staleAfterMs: number;
  /**
   * Lists `instance` until it is deregistered or its process ends; resolves once it is listed. The lease is kept alive by itself, also
   * through an outage: if the lease ran out meanwhile, the instance is listed again as soon as the registry is back.
   * Registering the same id again replaces the former entry.
   * @throws TypeError if a field of `instance` is missing or malformed
   * @throws ServiceError `unavailable` `registry_unavailable`; `failed_precondition` `registry_closed`
   */
  register(instance: Instance): Promise<Registration>;
  /**
   * Follows the instances of one service from now on. Watches of the same service share their list.
   * A service that nobody has registered is an empty list, not an error.
   * @throws ServiceError `failed_precondition` `registry_closed`
   */
  watch(service: string): ServiceWatch;
  /**
   * Every live instance of every service, straight from the registry, ordered by service, then startedAt, then id.
   * @throws ServiceError `unavailable` `registry_unavailable`; `failed_precondition` `registry_closed`
   */
  list(): Promise<readonly InstanceStatus[]>;
  /** Deregisters what this handle registered, closes its watches and releases its connections. Idempotent; never rejects. */
  close(): Promise<void>;
}

export interface Registration {
  readonly instance: Instance;
  /** Takes the instance off the list; call it before draining. Idempotent; never rejects: an unreachable registry drops it by lease. */
  deregister(): Promise<void>;
}

/** One service's instances, as last seen. */
export interface ServiceWatch {
  readonly service: string;
  /**
   * The instances as last seen, ordered by startedAt, then id; empty before {@link ready}. The same frozen array until something changes, so
   * identity can be compared. Stays readable after `close`.
   */
  instances(): readonly Instance[];
  /**
   * Calls `listener` with the new list after every change. Changes that follow
   * closely may arrive as one; the last state always arrives. What a listener throws surfaces as an uncaught exception after the others
   * were told. Returns a function that ends it.
   */
  onChange(listener: (instances: readonly Instance[]) => void): () => void;
  /**
   * Resolves when the list was read for the first time, empty or not. Waits as long as the registry cannot be reached.
   * @throws ServiceError `failed_precondition` `registry_closed` if closed before
   */
  ready(): Promise<void>;
  /** Ends this watch alone. Idempotent. */
  close(): void;
}

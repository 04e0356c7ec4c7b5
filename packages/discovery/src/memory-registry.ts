import { type Clock, systemClock } from '@banyan/core';
import { discoveryError } from './errors.ts';
import { byAge, compare, type Instance, parseInstance } from './instance.ts';
import { createInstanceList, type InstanceList } from './instance-list.ts';
import type { InstanceStatus, Registration, Registry, ServiceWatch } from './registry.ts';

export interface MemoryRegistryOptions {
  /** Drops an instance that was not renewed for this long. Default: no leases; what lives in one process also ends with it. */
  readonly leaseMs?: number;
  /** Times the leases. Default: the system's clock. */
  readonly clock?: Clock;
}

/** Several handles on one list in memory, which can fail as a registry shared by processes does. For tests. */
export interface MemoryCluster {
  /** A further handle, as another process would hold it. */
  open(): Registry;
  /** Ends a handle as `kill -9` of its process would: no renewal, no deregistration, no news. */
  crash(registry: Registry): void;
  /** While false, every handle is cut off: its cached lists stay, register and list reject, leases are not renewed and run on. */
  setReachable(reachable: boolean): void;
}

/** The registry of a system that runs as one process. */
export function createMemoryRegistry(options: MemoryRegistryOptions = {}): Registry {
  return createMemoryCluster(options).open();
}

/** @throws TypeError if `leaseMs` is not positive */
export function createMemoryCluster(options: MemoryRegistryOptions = {}): MemoryCluster {
  const leaseMs = options.leaseMs ?? Number.POSITIVE_INFINITY;
  if (!(leaseMs > 0)) throw new TypeError('createMemoryCluster(): leaseMs must be greater than 0.');
  const store = new Store(leaseMs, options.clock ?? systemClock);
  return {
    open: () => store.open(),
    crash(registry) {
      if (registry instanceof MemoryRegistry) registry.crash();
    },
    setReachable: (reachable) => store.setReachable(reachable),
  };
}

interface Entry {
  readonly registration: MemoryRegistration;
  readonly expiresAtMs: number;
  readonly cancelExpiry: () => void;
}

class Store {
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #handles = new Set<MemoryRegistry>();
  #reachable = true;

  constructor(leaseMs: number, clock: Clock) {
    this.leaseMs = leaseMs;
    this.clock = clock;
  }

  get reachable(): boolean {
    return this.#reachable;
  }

  open(): Registry {
    const handle = new MemoryRegistry(this);
    this.#handles.add(handle);
    return handle;
  }

  forget(handle: MemoryRegistry): void {
    this.#handles.delete(handle);
  }

  setReachable(reachable: boolean): void {
    this.#reachable = reachable;
    if (!reachable) return;
    for (const handle of this.#handles) handle.renew();
    this.#publish();
  }

  holderOf(id: string): MemoryRegistration | undefined {
    return this.#entries.get(id)?.registration;
  }

  put(registration: MemoryRegistration): void {
    const { id } = registration.instance;
    this.#entries.get(id)?.cancelExpiry();
    const leased = Number.isFinite(this.leaseMs);
    this.#entries.set(id, {
      registration,
      expiresAtMs: this.clock.nowMs() + this.leaseMs,
      cancelExpiry: leased ? this.clock.setTimer(() => this.remove(registration), this.leaseMs) : () => {},
    });
    this.#publish();
  }

  remove(registration: MemoryRegistration): void {
    const entry = this.#entries.get(registration.instance.id);
    if (entry?.registration !== registration) return;
    entry.cancelExpiry();
    this.#entries.delete(registration.instance.id);
    this.#publish();
  }

  instancesOf(service: string): readonly Instance[] {
    return this.#instances().filter((instance) => instance.service === service);
  }

  statuses(): readonly InstanceStatus[] {
    return [...this.#entries.values()]
      .map(({ registration, expiresAtMs }) => ({
        instance: registration.instance,
        expiresAt: Number.isFinite(expiresAtMs) ? new Date(expiresAtMs).toISOString() : undefined,
      }))
      .sort(
        (left, right) =>
          compare(left.instance.service, right.instance.service) || byAge(left.instance, right.instance),
      );
  }

  #instances(): readonly Instance[] {
    return [...this.#entries.values()].map(({ registration }) => registration.instance);
  }

  #publish(): void {
    if (!this.#reachable) return;
    for (const handle of this.#handles) handle.refresh();
  }
}

class MemoryRegistry implements Registry {
  readonly #store: Store;
  readonly #lists = new Map<string, InstanceList>();
  readonly #registrations = new Set<MemoryRegistration>();
  #closed = false;

  constructor(store: Store) {
    this.#store = store;
  }

  get staleAfterMs(): number {
    return this.#store.leaseMs;
  }

  async register(instance: Instance): Promise<Registration> {
    const parsed = parseInstance(instance);
    this.#check();
    const registration = new MemoryRegistration(parsed, this.#store, () => {
      this.#registrations.delete(registration);
    });
    this.#store.holderOf(parsed.id)?.end();
    this.#registrations.add(registration);
    registration.list();
    return registration;
  }

  watch(service: string): ServiceWatch {
    if (this.#closed) throw discoveryError('registry_closed');
    let list = this.#lists.get(service);
    if (list === undefined) {
      list = createInstanceList(service);
      this.#lists.set(service, list);
      if (this.#store.reachable) list.set(this.#store.instancesOf(service));
    }
    return list.watch();
  }

  async list(): Promise<readonly InstanceStatus[]> {
    this.#check();
    return this.#store.statuses();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    for (const registration of [...this.#registrations]) await registration.deregister();
    this.crash();
    for (const list of this.#lists.values()) list.close();
  }

  crash(): void {
    this.#closed = true;
    for (const registration of [...this.#registrations]) registration.end();
    this.#store.forget(this);
  }

  refresh(): void {
    for (const list of this.#lists.values()) list.set(this.#store.instancesOf(list.service));
  }

  renew(): void {
    for (const registration of this.#registrations) registration.list();
  }

  #check(): void {
    if (this.#closed) throw discoveryError('registry_closed');
    if (!this.#store.reachable) throw discoveryError('registry_unavailable');
  }
}

class MemoryRegistration implements Registration {
  readonly instance: Instance;
  readonly #store: Store;
  readonly #onEnd: () => void;
  #cancelRenewal: () => void = () => {};
  #ended = false;

  constructor(instance: Instance, store: Store, onEnd: () => void) {
    this.instance = instance;
    this.#store = store;
    this.#onEnd = onEnd;
  }

  /** Lists the instance, or lists it again, and keeps doing so. */
  list(): void {
    if (this.#ended) return;
    this.#cancelRenewal();
    if (this.#store.reachable) this.#store.put(this);
    if (!Number.isFinite(this.#store.leaseMs)) return;
    this.#cancelRenewal = this.#store.clock.setTimer(() => this.list(), this.#store.leaseMs / 3);
  }

  /** Stops renewing without a word to the registry. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelRenewal();
    this.#onEnd();
  }

  async deregister(): Promise<void> {
    this.end();
    // Cut off: the entry cannot be taken back now and goes with its lease.
    if (this.#store.reachable) this.#store.remove(this);
  }
}

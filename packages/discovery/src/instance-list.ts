import { discoveryError } from './errors.ts';
import { byAge, type Instance } from './instance.ts';
import type { ServiceWatch } from './registry.ts';

/** The cached list behind all watches of one service. For implementations of `Registry`: it keeps the promises of `ServiceWatch`. */
export interface InstanceList {
  readonly service: string;
  /** Takes over what the registry says now; tells the listeners if that differs from before. */
  set(instances: Iterable<Instance>): void;
  watch(): ServiceWatch;
  /** Closes every watch; the list stays readable. Idempotent. */
  close(): void;
}

export function createInstanceList(service: string): InstanceList {
  return new CachedInstanceList(service);
}

class CachedInstanceList implements InstanceList {
  readonly service: string;
  readonly #watches = new Set<CachedWatch>();
  #instances: readonly Instance[] = Object.freeze([]);
  #fingerprint = '[]';
  #loaded = false;
  #announcing = false;

  constructor(service: string) {
    this.service = service;
  }

  get instances(): readonly Instance[] {
    return this.#instances;
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  set(instances: Iterable<Instance>): void {
    this.#loaded = true;
    const sorted = Object.freeze([...instances].sort(byAge));
    const fingerprint = JSON.stringify(sorted);
    if (fingerprint !== this.#fingerprint) {
      this.#fingerprint = fingerprint;
      this.#instances = sorted;
      this.#announce();
    }
    for (const watch of this.#watches) watch.settle();
  }

  watch(): ServiceWatch {
    const watch = new CachedWatch(this);
    this.#watches.add(watch);
    return watch;
  }

  forget(watch: CachedWatch): void {
    this.#watches.delete(watch);
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }

  /** Later in this turn, so that a listener which changes the registry is not called inside itself, and a burst is one call. */
  #announce(): void {
    if (this.#announcing) return;
    this.#announcing = true;
    queueMicrotask(() => {
      this.#announcing = false;
      for (const watch of [...this.#watches]) watch.tell(this.#instances);
    });
  }
}

type Listener = (instances: readonly Instance[]) => void;

class CachedWatch implements ServiceWatch {
  readonly #list: CachedInstanceList;
  readonly #listeners = new Set<{ readonly listener: Listener }>();
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  #closed = false;

  constructor(list: CachedInstanceList) {
    this.#list = list;
  }

  get service(): string {
    return this.#list.service;
  }

  instances(): readonly Instance[] {
    return this.#list.instances;
  }

  onChange(listener: Listener): () => void {
    // An object each, so that the same function added twice is told twice and removed once.
    const entry = { listener };
    if (!this.#closed) this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  ready(): Promise<void> {
    if (this.#list.loaded) return Promise.resolve();
    if (this.#closed) return Promise.reject(discoveryError('registry_closed'));
    const waiter = Promise.withResolvers<void>();
    this.#waiting.push(waiter);
    return waiter.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listeners.clear();
    this.#list.forget(this);
    for (const waiter of this.#waiting.splice(0)) waiter.reject(discoveryError('registry_closed'));
  }

  settle(): void {
    for (const waiter of this.#waiting.splice(0)) waiter.resolve();
  }

  tell(instances: readonly Instance[]): void {
    for (const entry of [...this.#listeners]) {
      // One listener may remove another while the news goes round.
      if (!this.#listeners.has(entry)) continue;
      try {
        entry.listener(instances);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

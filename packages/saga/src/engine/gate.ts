import type { Clock } from '@banyan/core';

export interface GateOptions<Item> {
  /** While it is false nothing is begun. */
  readonly isOpen: () => boolean;
  /** Writes all of them together. Never rejects. */
  readonly commit: (items: readonly Item[]) => Promise<void>;
  readonly clock: Clock;
}

const maxItems = 256;
/** Groups that are committed at the same time. While one waits for its flush the next one is put together; more would only be smaller. */
const maxGroups = 2;
const pauseMs = 200;

/** Everything that is ready goes into the next group. */
export class Gate<Item> {
  readonly #options: GateOptions<Item>;
  readonly #ready = new Set<Item>();
  #groups = 0;
  #isScheduled = false;
  #isStopped = false;
  #onIdle: (() => void) | undefined;

  constructor(options: GateOptions<Item>) {
    this.#options = options;
  }

  add(item: Item): void {
    this.#ready.add(item);
    this.#flushSoon();
  }

  delete(item: Item): void {
    this.#ready.delete(item);
  }

  /** Adds what `pick` still wants to write when a little time has passed. */
  addLater(pick: () => readonly Item[]): void {
    this.#options.clock.setTimer(() => {
      for (const item of pick()) this.#ready.add(item);
      this.#flushSoon();
    }, pauseMs);
  }

  /** Begins nothing new, and waits for what is being written. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopped = true;
    if (this.#groups === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.setTimer(resolve, timeoutMs);
      this.#onIdle = () => {
        cancel();
        resolve();
      };
    });
  }

  /** After what else is ready to run now, so that it goes together. */
  #flushSoon(): void {
    if (this.#isScheduled || this.#isStopped || this.#groups >= maxGroups) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isStopped || this.#groups >= maxGroups || this.#ready.size === 0) return;
    if (!this.#options.isOpen()) {
      this.addLater(() => []);
      return;
    }
    const items: Item[] = [];
    for (const item of this.#ready) {
      if (items.length >= maxItems) break;
      this.#ready.delete(item);
      items.push(item);
    }
    this.#groups += 1;
    void this.#options.commit(items).finally(() => {
      this.#groups -= 1;
      if (this.#ready.size > 0) this.#flushSoon();
      if (this.#groups === 0) this.#onIdle?.();
    });
  }
}

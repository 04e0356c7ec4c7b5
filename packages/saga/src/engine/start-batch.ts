import type { NewSaga } from '../saga-store.ts';

interface Waiting {
  readonly saga: NewSaga;
  resolve(): void;
  reject(error: unknown): void;
}

const maxBatch = 256;

/** Sagas that are started on their own share transactions: one is under way, and whatever comes meanwhile goes into the next. */
export class StartBatch {
  readonly #write: (sagas: readonly NewSaga[]) => Promise<void>;
  #waiting: Waiting[] = [];
  #isWriting = false;

  /** @param write commits all of them, or rejects and none */
  constructor(write: (sagas: readonly NewSaga[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when it is committed. */
  add(saga: NewSaga): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ saga, resolve, reject });
      if (this.#waiting.length === 1 && !this.#isWriting) setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maxBatch);
      try {
        await this.#writeAll(batch);
        for (const { resolve } of batch) resolve();
      } catch {
        await this.#oneByOne(batch);
      }
    }
    this.#isWriting = false;
  }

  /** To find out whose fault it was. */
  async #oneByOne(batch: readonly Waiting[]): Promise<void> {
    for (const each of batch) {
      try {
        await this.#writeAll([each]);
        each.resolve();
      } catch (error) {
        each.reject(error);
      }
    }
  }

  #writeAll(batch: readonly Waiting[]): Promise<void> {
    // Two starts with one key are one.
    return this.#write([...new Map(batch.map(({ saga }) => [saga.id, saga])).values()]);
  }
}

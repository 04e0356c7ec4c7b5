/** Tasks of which only so many run at one time; the others wait in their order. */
export class CallSlots {
  readonly #max: number;
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** @param task never rejects */
  run(task: () => Promise<void>): void {
    if (this.#running >= this.#max) {
      this.#waiting.push(task);
      return;
    }
    this.#running += 1;
    void task().then(() => {
      this.#running -= 1;
      const next = this.#waiting.shift();
      if (next !== undefined) this.run(next);
    });
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting.length = 0;
  }
}

export const signals = ['spans', 'logs', 'metrics'] as const;
export type Signal = (typeof signals)[number];

export interface SignalCounts {
  readonly received: number;
  readonly stored: number;
  readonly shed: number;
  readonly refused: number;
  readonly waiting: number;
}

/** What waits to be written, up to a number; the newest is shed when it is full, since what is there is nearer to being written. */
export class SignalQueue<Item> {
  readonly #max: number;
  #items: Item[] = [];
  #inHand = 0;
  #received = 0;
  #stored = 0;
  #shed = 0;
  #refused = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** @returns how many were taken */
  push(items: readonly Item[]): number {
    this.#received += items.length;
    const room = Math.max(0, this.#max - this.#items.length - this.#inHand);
    const taken = items.length <= room ? items : items.slice(0, room);
    this.#shed += items.length - taken.length;
    for (const item of taken) this.#items.push(item);
    return taken.length;
  }

  get waiting(): number {
    return this.#items.length;
  }

  /** The oldest, at most so many; then `written` or `lost` says what became of them. */
  take(max: number): readonly Item[] {
    const taken = this.#items.length <= max ? this.#items : this.#items.slice(0, max);
    this.#items = this.#items.length <= max ? [] : this.#items.slice(max);
    this.#inHand = taken.length;
    return taken;
  }

  written(): void {
    this.#stored += this.#inHand;
    this.#inHand = 0;
  }

  lost(): void {
    this.#shed += this.#inHand;
    this.#inHand = 0;
  }

  refuse(count: number): void {
    this.#refused += count;
  }

  counts(): SignalCounts {
    return {
      received: this.#received,
      stored: this.#stored,
      shed: this.#shed,
      refused: this.#refused,
      waiting: this.#items.length + this.#inHand,
    };
  }
}

import { sizeOf } from './size-of.ts';

export const signals = ['spans', 'logs', 'metrics'] as const;
/** What OTLP brings. */
export type Signal = (typeof signals)[number];

/** What became of the items of a signal since the start. */
export interface SignalCounts {
  readonly received: number;
  readonly stored: number;
  readonly shed: number;
  readonly refused: number;
  readonly waiting: number;
}

/** What waits to be written, up to a number and a size; the newest is shed when it is full, since what is there is nearer to being written. */
export class SignalQueue<Item> {
  readonly #max: number;
  readonly #maxBytes: number;
  #items: Item[] = [];
  #inHand = 0;
  /** Of those that wait, and of those in hand. */
  #bytes = 0;
  #inHandBytes = 0;
  #received = 0;
  #stored = 0;
  #shed = 0;
  #refused = 0;

  constructor(max: number, maxBytes: number) {
    this.#max = max;
    this.#maxBytes = maxBytes;
  }

  /** @returns how many were taken */
  push(items: readonly Item[]): number {
    this.#received += items.length;
    let taken = 0;
    for (const item of items) {
      const bytes = sizeOf(item);
      if (this.#items.length + this.#inHand >= this.#max || this.#bytes + bytes > this.#maxBytes) break;
      this.#items.push(item);
      this.#bytes += bytes;
      taken += 1;
    }
    this.#shed += items.length - taken;
    return taken;
  }

  get waiting(): number {
    return this.#items.length;
  }

  /** The oldest, at most so many; then `written` or `lost` says what became of them. */
  take(max: number): readonly Item[] {
    const taken = this.#items.length <= max ? this.#items : this.#items.slice(0, max);
    this.#items = this.#items.length <= max ? [] : this.#items.slice(max);
    this.#inHand = taken.length;
    this.#inHandBytes = taken.reduce((sum, item) => sum + sizeOf(item), 0);
    return taken;
  }

  written(): void {
    this.#stored += this.#inHand;
    this.#release();
  }

  lost(): void {
    this.#shed += this.#inHand;
    this.#release();
  }

  #release(): void {
    this.#inHand = 0;
    this.#bytes -= this.#inHandBytes;
    this.#inHandBytes = 0;
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

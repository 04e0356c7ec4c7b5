import type { Exchange } from './exchange.ts';

/**
 * The requests in progress, in the order of their arrival. No `Set`: V8 moves one into a new table again and again while members come and
 * go, and each dead table leads to the next one with all that was in it, so that requests outlive their answers until a full collection.
 */
export class ExchangeList implements Iterable<Exchange> {
  #oldest: Exchange | undefined = undefined;
  #newest: Exchange | undefined = undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(exchange: Exchange): void {
    const newest = this.#newest;
    exchange.earlier = newest;
    if (newest === undefined) this.#oldest = exchange;
    else newest.later = exchange;
    this.#newest = exchange;
    this.#size += 1;
  }

  /** Only what is there; a second time would break the order of others. */
  delete(exchange: Exchange): void {
    const { earlier, later } = exchange;
    if (earlier === undefined) this.#oldest = later;
    else earlier.later = later;
    if (later === undefined) this.#newest = earlier;
    else later.earlier = earlier;
    // One that is over must not lead to those that came after it.
    exchange.earlier = undefined;
    exchange.later = undefined;
    this.#size -= 1;
  }

  /** Those of now: whatever ends meanwhile is still among them. */
  [Symbol.iterator](): Iterator<Exchange> {
    const members: Exchange[] = [];
    for (let each = this.#oldest; each !== undefined; each = each.later) members.push(each);
    return members.values();
  }
}

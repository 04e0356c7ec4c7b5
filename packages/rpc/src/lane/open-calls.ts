interface Place<Call> {
  call: Call | undefined;
}

/**
 * The calls in flight by id. No `Map` of the calls themselves: V8 moves one into a new table again and again while keys come and go, and each
 * dead table leads to the next one with all that was in it, so that calls outlive their answers until a full collection. These tables lead to
 * places alone, which are emptied and used again.
 */
export class OpenCalls<Call extends object> {
  readonly #places = new Map<number, Place<Call>>();
  readonly #spare: Place<Call>[] = [];

  get size(): number {
    return this.#places.size;
  }

  has(id: number): boolean {
    return this.#places.has(id);
  }

  get(id: number): Call | undefined {
    return this.#places.get(id)?.call;
  }

  /** Only for an id that has none. */
  add(id: number, call: Call): void {
    const place = this.#spare.pop() ?? { call: undefined };
    place.call = call;
    this.#places.set(id, place);
  }

  /** The call is over. @returns it, unless it was over before */
  take(id: number): Call | undefined {
    const place = this.#places.get(id);
    if (place === undefined) return undefined;
    const { call } = place;
    this.#places.delete(id);
    place.call = undefined;
    this.#spare.push(place);
    return call;
  }

  /** All are over. @returns them */
  takeAll(): readonly Call[] {
    return [...this.#places.keys()].flatMap((id) => this.take(id) ?? []);
  }
}

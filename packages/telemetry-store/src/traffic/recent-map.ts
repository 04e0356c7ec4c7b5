/** A map that forgets its oldest entries above a number. */
export class RecentMap<Value> {
  readonly #max: number;
  readonly #entries = new Map<string, Value>();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: Value): void {
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#max) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  take(key: string): Value | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) this.#entries.delete(key);
    return value;
  }

  /** Takes every entry for which `isTaken` holds, oldest first. */
  takeWhere(isTaken: (value: Value) => boolean, onTaken: (value: Value) => void): void {
    for (const [key, value] of this.#entries) {
      if (!isTaken(value)) continue;
      this.#entries.delete(key);
      onTaken(value);
    }
  }
}

import type { Clock } from '@banyan/core';

/** How long a step then begins a transaction of its own. */
const apartForMs = 10_000;

/** Local steps that shall not be done behind another one of the same saga in one transaction, for some time: they failed there, or kept others waiting. */
export class StepsApart {
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param name of the step, of all sagas of one definition */
  add(name: string): void {
    this.#untilMs.set(name, this.#clock.nowMs() + apartForMs);
  }

  has(name: string): boolean {
    const untilMs = this.#untilMs.get(name);
    return untilMs !== undefined && this.#clock.nowMs() < untilMs;
  }
}

import { isServiceError } from '@banyan/banyan';
import { z } from 'zod';

/** How often a consumer goes through all orders for those who look at its page. */
export const FiguresConfig = z.object({
  /** Figures are told again for so long. 0: whoever asks has them measured, unless that is under way. */
  figuresSeconds: z.int().min(0).default(10),
});

/** Opens what a running service keeps of figures that take long to measure. To be named once per figure: `resource` finds it by the function. */
export function figuresOf<Value>() {
  return ({ config }: { readonly config: z.infer<typeof FiguresConfig> }) =>
    new Figures<Value>(config.figuresSeconds * 1_000);
}

/** The world asks as often as it likes; what is asked costs a walk through all orders. */
class Figures<Value> {
  readonly #maxAgeMs: number;
  #last: { readonly value: Value; readonly untilMs: number } | undefined;
  #underWay: Promise<Value> | undefined;

  constructor(maxAgeMs: number) {
    this.#maxAgeMs = maxAgeMs;
  }

  /**
   * What was measured last, or is being measured; measures anew when that is too old. A failure is everybody's who waits, and is not kept; that the one who
   * began has gone is nobody else's.
   */
  async get(measure: () => Promise<Value>): Promise<Value> {
    if (this.#last !== undefined && performance.now() < this.#last.untilMs) return this.#last.value;
    if (this.#underWay !== undefined)
      return this.#underWay.catch((error: unknown) => {
        if (!isEndOfCall(error)) throw error;
        return this.get(measure);
      });
    this.#underWay = this.#measure(measure).finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async close(): Promise<void> {}

  async #measure(measure: () => Promise<Value>): Promise<Value> {
    const value = await measure();
    this.#last = { value, untilMs: performance.now() + this.#maxAgeMs };
    return value;
  }
}

function isEndOfCall(error: unknown): boolean {
  return isServiceError(error) && (error.code === 'cancelled' || error.code === 'deadline_exceeded');
}

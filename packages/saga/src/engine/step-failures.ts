import type { Outcome } from '../plan/outcome.ts';
import type { Plan } from '../plan/plan.ts';
import type { Work } from '../plan/work.ts';

type Failed = Extract<Outcome, { ok: false }>;

/** One attempt at a step. */
export interface StepAttempt {
  readonly plan: Plan;
  readonly work: Work;
  /** Other steps of the saga came before it in the same transaction. */
  readonly isBehind: boolean;
}

/** What is forgotten is only asked again. */
const maxKnown = 64;

/** How one saga's local steps failed in transactions that were undone. */
export class StepFailures {
  /** By attempt. They are not made again to put that on record, unless what they were given has changed. */
  readonly #known = new Map<string, Failed>();
  /** How often a step failed behind what others did, which was undone as well, by its key: only when it fails alone it is known to fail. */
  readonly #doubtful = new Map<string, number>();

  find(attempt: StepAttempt): Failed | undefined {
    if (this.#known.size === 0) return undefined;
    const found = keysOf(attempt).map((key) => this.#known.get(key));
    return found.find((each) => each !== undefined);
  }

  /** It failed by itself. */
  know(failure: Failed, attempt: StepAttempt): void {
    const { key } = attempt.work;
    const asked = 1 + (this.#doubtful.get(key) ?? 0);
    if (asked > 1) this.#doubtful.set(key, 0);
    for (const each of keysOf(attempt)) this.#known.set(each, { ...failure, asked });
  }

  doubt({ key }: Work): void {
    this.#doubtful.set(key, 1 + (this.#doubtful.get(key) ?? 0));
  }

  /** It succeeded. */
  trust({ key }: Work): void {
    this.#doubtful.delete(key);
  }

  /** One of them failed among others before. */
  areDoubtful(works: readonly Work[]): boolean {
    return this.#doubtful.size > 0 && works.some(({ key }) => this.#doubtful.has(key));
  }

  get isEmpty(): boolean {
    return this.#known.size + this.#doubtful.size === 0;
  }

  /** Not with each commit: a step that failed behind others is put on record by a later one, in a transaction of its own. */
  forgetOld(): void {
    if (this.#known.size > maxKnown) this.#known.clear();
  }
}

/**
 * What a failure is known by: the attempt and what it was given, since behind other steps of the transaction that may differ the next time. What comes first
 * rests on the row alone, and is known by the attempt whatever it did to its input.
 */
function keysOf({ plan, work, isBehind }: StepAttempt): readonly string[] {
  const { state } = plan;
  const { key, attempt, state: given } = work;
  const withInput = JSON.stringify([key, state.round, attempt, given]);
  return isBehind ? [withInput] : [withInput, JSON.stringify([key, state.round, attempt])];
}

import type { Clock } from '@banyan/core';
import { definitionId } from '../definition/definition.ts';
import { Gate } from './gate.ts';
import { createMember, type Group, type Member } from './group.ts';
import type { LiveSaga } from './live-saga.ts';
import { StepsDoubtful } from './local-steps.ts';
import { isLocal } from './step-work.ts';
import { togetherThenAlone } from './together-then-alone.ts';

export interface BeginningsOptions {
  readonly group: Group;
  /** Token of the lease, while it holds. */
  readonly token: () => number | undefined;
  /** It is written and goes on from there. */
  readonly onBegun: (member: Member, token: number) => void;
  readonly clock: Clock;
}

interface Beginning {
  readonly live: LiveSaga;
  resolve(isBegun: boolean): void;
}

/** Whoever starts a saga waits for its first steps no longer than this; it may itself hold what they wait for. */
const patienceMs = 1_000;
/** How long sagas of a definition whose first steps took longer are then started without them. */
const lateForMs = 60_000;

/** Starts sagas and does their first local steps in one transaction, those of all that are started at the time. */
export class Beginnings {
  readonly #options: BeginningsOptions;
  readonly #gate: Gate<Beginning>;
  readonly #waiting = new Set<Beginning>();
  readonly #lateUntilMs = new Map<string, number>();
  #isStopped = false;

  constructor(options: BeginningsOptions) {
    this.#options = options;
    const { clock } = options;
    this.#gate = new Gate({ isOpen: () => true, commit: (items) => this.#commit(items), clock });
  }

  /**
   * True when the saga and its first steps are committed. False if nothing of it is known to be: it has to be started, under the same id, and brought on.
   */
  async add(live: LiveSaga): Promise<boolean> {
    if (this.#isStopped || !this.#isWorthIt(live)) return false;
    return new Promise((resolve) => {
      const beginning = { live, resolve };
      this.#waiting.add(beginning);
      this.#gate.add(beginning);
    });
  }

  /** Begins nothing new, and waits for what is being written. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopped = true;
    await this.#gate.stop(timeoutMs);
    for (const { resolve } of this.#waiting) resolve(false);
  }

  #isWorthIt({ row, planned }: LiveSaga): boolean {
    const works = planned?.works ?? [];
    const isLate = this.#options.clock.nowMs() < (this.#lateUntilMs.get(definitionId(row)) ?? 0);
    return !isLate && works.length > 0 && works.every(isLocal);
  }

  /** Never rejects. */
  async #commit(beginnings: readonly Beginning[]): Promise<void> {
    const token = this.#options.token();
    for (const each of beginnings) this.#waiting.delete(each);
    if (token === undefined) {
      for (const { resolve } of beginnings) resolve(false);
      return;
    }
    // `AbortSignal.timeout` would go on to its end, and make an error there, behind each group that was in time.
    const patience = new AbortController();
    const cancel = this.#options.clock.setTimer(
      () => patience.abort(new DOMException('The first steps take too long.', 'TimeoutError')),
      patienceMs,
    );
    await this.#begin(beginnings, { token, signal: patience.signal });
    cancel();
  }

  async #begin(
    beginnings: readonly Beginning[],
    open: { readonly token: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { group, onBegun } = this.#options;
    const { token, signal } = open;
    const members = new Map(beginnings.map((each) => [each, createMember(each.live)]));
    try {
      await group.commit(token, [...members.values()], { signal });
    } catch (error) {
      if (error instanceof StepsDoubtful) {
        const alone = [...members].flatMap(([each, member]) => (error.members.has(member) ? [each] : []));
        return togetherThenAlone(beginnings, new Set(alone), (each) => this.#begin(each, open));
      }
      if (signal.aborted) this.#noteLate(beginnings);
      // Also if nobody knows whether it was committed: whoever starts it then finds it by its id.
      for (const { resolve } of beginnings) resolve(false);
      return;
    }
    for (const [{ live, resolve }, member] of members) {
      live.unwritten = undefined;
      onBegun(member, token);
      resolve(true);
    }
  }

  #noteLate(beginnings: readonly Beginning[]): void {
    const untilMs = this.#options.clock.nowMs() + lateForMs;
    for (const { live } of beginnings) this.#lateUntilMs.set(definitionId(live.row), untilMs);
  }
}

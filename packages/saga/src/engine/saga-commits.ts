import { type Clock, isServiceError, type Logger } from '@banyan/core';
import type { Outcome } from '../plan/outcome.ts';
import { createMember, type Group, GroupFenced, type Member } from './group.ts';
import type { LiveSaga } from './live-saga.ts';
import { StepsDoubtful } from './local-steps.ts';
import { toOwnFailure } from './own-failure.ts';
import { isLocal } from './step-work.ts';
import { togetherThenAlone } from './together-then-alone.ts';

export interface SagaCommitsOptions {
  readonly group: Group;
  /** Token of the lease, while it holds. */
  readonly token: () => number | undefined;
  /** It is written. */
  readonly settle: (member: Member) => void;
  /** Nothing of it was written; it goes on with these outcomes. */
  readonly release: (live: LiveSaga, outcomes: readonly Outcome[]) => void;
  /** It belongs to somebody else, or nobody knows: the rows do. */
  readonly forget: (live: LiveSaga) => void;
  /** Nothing of it could be written. */
  readonly later: (live: LiveSaga, delayMs: number) => void;
  /** Nothing of them can be written now; they go together again soon. */
  readonly pause: (lives: readonly LiveSaga[]) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

const faultPauseMs = 1_000;

/** Writes sagas in groups, and finds out whose fault it was if that fails. */
export class SagaCommits {
  readonly #options: SagaCommitsOptions;

  constructor(options: SagaCommitsOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async commit(lives: readonly LiveSaga[]): Promise<void> {
    for (const live of lives) live.isBusy = true;
    const token = this.#options.token();
    const doubtful = lives.filter(({ failures, planned }) => failures.areDoubtful(planned?.works ?? []));
    if (token === undefined) this.#options.pause(lives);
    else await togetherThenAlone(lives, new Set(doubtful), (each) => this.#commit(token, each));
  }

  async #commit(token: number, lives: readonly LiveSaga[]): Promise<void> {
    const { group, settle } = this.#options;
    const members = lives.map(createMember);
    try {
      await group.commit(token, members);
    } catch (error) {
      await this.#sortOut(token, members, error);
      return;
    }
    for (const member of members) settle(member);
  }

  /** Nothing was written. Finds out whose fault it was, and lets the others go again. */
  async #sortOut(token: number, members: readonly Member[], error: unknown): Promise<void> {
    const { logger, release, forget, pause } = this.#options;
    for (const { live } of members.filter(({ isFenced }) => isFenced)) {
      const { id: sagaId } = live.row;
      logger.warn('a saga belongs to another worker; what was done here was undone', { sagaId });
      forget(live);
    }
    const again = members.filter(({ isFenced }) => !isFenced);
    const lives = again.map(({ live }) => live);
    const [first] = again;
    if (first === undefined) return;
    if (error instanceof GroupFenced) {
      for (const live of lives) release(live, []);
    } else if (error instanceof StepsDoubtful) {
      const doubtful = new Set([...error.members].map(({ live }) => live));
      await togetherThenAlone(lives, doubtful, (each) => this.#commit(token, each));
    } else if (isServiceError(error) && error.reason === 'commit_outcome_unknown') {
      // The rows know. They are found by the next look at what this worker owns.
      for (const live of lives) forget(live);
    } else if (isServiceError(error) && error.code === 'unavailable') {
      logger.debug('sagas cannot be written; trying again', { error });
      pause(lives);
    } else if (again.length === 1) this.#blame(first, error);
    // To find out whose it is.
    else for (const live of lives) await this.#commit(token, [live]);
  }

  /** The transaction failed with this saga alone in it. */
  #blame({ live, outcomes }: Member, error: unknown): void {
    const { clock, random, logger, release, later } = this.#options;
    const { works } = live.plan(outcomes, { nowMs: clock.nowMs(), random });
    const work = works.find(isLocal);
    if (work !== undefined) {
      release(live, [toOwnFailure(work.step, work.phase, error)]);
      return;
    }
    logger.error('a saga cannot be written; trying again', { error, sagaId: live.row.id });
    later(live, faultPauseMs);
  }
}

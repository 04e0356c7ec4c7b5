import { isServiceError } from '@banyan/core';
import { toOwnFailure } from '../engine/own-failure.ts';
import {
  createDurableMember,
  DurableGroup,
  type DurableGroupOptions,
  DurableGroupUndone,
  type DurableMember,
} from './durable-group.ts';
import type { Execution } from './execution.ts';
import type { LiveDurable } from './live-durable.ts';
import type { CommandOutcome } from './look.ts';

export interface DurableCommitsOptions extends DurableGroupOptions {
  /** Token of the lease, while it holds. */
  readonly token: () => number | undefined;
  /** It is written. */
  readonly settle: (member: DurableMember) => void;
  /** Nothing of it was written; it goes on with these outcomes. */
  readonly release: (live: LiveDurable, outcomes: readonly CommandOutcome[]) => void;
  /** It belongs to somebody else, or nobody knows: the rows do. */
  readonly forget: (live: LiveDurable) => void;
  /** Nothing of it could be written. */
  readonly later: (live: LiveDurable, delayMs: number) => void;
  /** Runs its code through its journal. */
  readonly replay: (live: LiveDurable) => Promise<Execution>;
}

const pauseMs = 200;
const faultPauseMs = 1_000;

/** Writes instances in groups, and finds out whose fault it was if that fails. */
export class DurableCommits {
  readonly #options: DurableCommitsOptions;
  readonly #group: DurableGroup;

  constructor(options: DurableCommitsOptions) {
    this.#options = options;
    this.#group = new DurableGroup(options);
  }

  /** Never rejects. */
  async commit(lives: readonly LiveDurable[]): Promise<void> {
    const token = this.#options.token();
    // Instances come here once their code has been run.
    const members = lives.flatMap((live) =>
      live.execution === undefined ? [] : [createDurableMember(live, live.execution)],
    );
    for (const { live } of members) live.isBusy = true;
    if (token !== undefined) await this.#commit(token, members);
    else for (const { live } of members) this.#options.later(live, pauseMs);
  }

  async #commit(token: number, members: readonly DurableMember[]): Promise<void> {
    try {
      await this.#group.commit(token, members);
    } catch (error) {
      await this.#sortOut(token, members, error);
      return;
    }
    for (const member of members) this.#options.settle(member);
  }

  /** Nothing was written. Finds out whose fault it was, and lets the others go again. */
  async #sortOut(token: number, members: readonly DurableMember[], error: unknown): Promise<void> {
    const { logger, release, forget, later } = this.#options;
    const again: LiveDurable[] = [];
    const alone: LiveDurable[] = [];
    for (const { live, isFenced, isDoubtful, failures } of members) {
      if (isFenced) {
        const { id: sagaId } = live.row;
        logger.warn('a durable function belongs to another worker; what was done here was undone', {
          sagaId,
        });
        forget(live);
      } else if (failures.length > 0) release(live, failures);
      else if (isDoubtful) alone.push(live);
      else again.push(live);
    }
    if (error instanceof DurableGroupUndone) {
      for (const live of again) release(live, []);
      await this.#commitAlone(token, alone);
      return;
    }
    const [first] = again;
    if (first === undefined) return;
    if (isServiceError(error) && error.reason === 'commit_outcome_unknown') {
      // The rows know. They are found by the next look at what this worker owns.
      for (const live of again) forget(live);
    } else if (isServiceError(error) && error.code === 'unavailable') {
      logger.debug('durable functions cannot be written; trying again', { error });
      for (const live of again) later(live, pauseMs);
    } else if (again.length === 1) await this.#blame(first, error);
    // One by one, to find out whose it is.
    else await this.#commitAlone(token, again);
  }

  async #commitAlone(token: number, lives: readonly LiveDurable[]): Promise<void> {
    for (const live of lives) await this.#commit(token, [createDurableMember(live, await this.#run(live))]);
  }

  /** The transaction failed with this instance alone in it. */
  async #blame(live: LiveDurable, error: unknown): Promise<void> {
    const { clock, random, logger, release, later } = this.#options;
    const execution = await this.#run(live);
    const [due] = live.look(execution, { nowMs: clock.nowMs(), random }).local;
    if (due !== undefined) {
      const { index, name } = due.command;
      release(live, [{ index, outcome: toOwnFailure(name, 'do', error) }]);
      return;
    }
    logger.error('a durable function cannot be written; trying again', { error, sagaId: live.row.id });
    later(live, faultPauseMs);
  }

  async #run(live: LiveDurable): Promise<Execution> {
    return live.execution ?? (await this.#options.replay(live));
  }
}

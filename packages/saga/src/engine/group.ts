import { type Clock, isServiceError, type Logger } from '@banyan/core';
import type { SagaEnvironment, SagaTransaction, WatchedStep } from '../environment.ts';
import type { Outcome } from '../plan/outcome.ts';
import type { Plan } from '../plan/plan.ts';
import type { Advanced, NewSaga, Progress, SagaStore, Transition } from '../saga-store.ts';
import { isEnded, type Letter } from '../state.ts';
import type { LiveSaga } from './live-saga.ts';
import {
  Interleaved,
  LocalSteps,
  nameOf,
  type OpenGroup,
  StepsDoubtful,
  StepsFailed,
} from './local-steps.ts';
import { isLocal } from './step-work.ts';
import { StepsApart } from './steps-apart.ts';

export interface GroupOptions {
  readonly store: SagaStore;
  readonly environment: SagaEnvironment;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** A saga that is to be looked at again this soon stays in hand. */
  readonly holdMs: number;
}

/** One saga's part in a group, and how it went. */
export interface Member {
  readonly live: LiveSaga;
  /** Outcomes it brings. */
  readonly outcomes: readonly Outcome[];
  /** What the transaction wrote; undefined while it has not committed. */
  written?: Plan;
  advanced?: Advanced;
  /** Somebody else has it. */
  isFenced: boolean;
  /** Sagas it started. */
  readonly children: NewSaga[];
  /** Steps that came right behind another one of its own in the same transaction. */
  behind: readonly string[];
}

export function createMember(live: LiveSaga): Member {
  const outcomes = [...live.outcomes];
  return { live, outcomes, isFenced: false, children: [], behind: [] };
}

/** Another worker has a saga of the group: everything was undone, and the members tell whose it was. */
export class GroupFenced extends Error {}

/** A saga goes this far in one transaction, and not much longer than that: others wait for it, and for its locks. */
const maxRounds = 16;
const patienceMs = 200;

/**
 * Takes all members further in one transaction: their local steps side by side, then those that come right behind them, and at last the statement that writes
 * every row. Either all of it takes effect, or nothing. Whatever happens outside finds what came before committed.
 */
export class Group {
  readonly #options: GroupOptions;
  readonly #steps: LocalSteps;
  readonly #apart: StepsApart;

  constructor(options: GroupOptions) {
    this.#options = options;
    this.#steps = new LocalSteps(options);
    this.#apart = new StepsApart(options.clock);
  }

  /** @throws GroupFenced; StepsDoubtful, after which its members have to go alone and the others again; or what the database throws */
  async commit(
    token: number,
    members: readonly Member[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { environment } = this.#options;
    for (let hasFailed = false; ; ) {
      const succeeded: WatchedStep[] = [];
      try {
        const isShared = members.length > 1;
        await environment.transaction(
          (transaction) => this.#run(members, { token, transaction, isShared, succeeded }),
          { signal },
        );
        for (const each of succeeded) each.ended();
        return;
      } catch (error) {
        for (const each of succeeded) each.undone();
        for (const member of members) member.children.length = 0;
        // Once for each step: from now on it takes its turn.
        if (error instanceof Interleaved) continue;
        if (error instanceof StepsFailed) {
          // A step that was given something else the second time might be so for ever, unless what comes before it is committed.
          if (hasFailed) this.#setApart(members);
          hasFailed = true;
          continue;
        }
        for (const member of members) delete member.written;
        if (error instanceof StepsDoubtful) throw error;
        const isNobodys = error instanceof GroupFenced || isUnavailable(error) || isUnknown(error);
        if (isNobodys || signal?.aborted || !this.#setApart(members)) throw error;
      }
    }
  }

  async #run(members: readonly Member[], open: OpenGroup): Promise<void> {
    const { clock, random } = this.#options;
    const startedMs = clock.nowMs();
    const plans = new Map<Member, Plan>();
    for (const member of members) {
      const { live, outcomes } = member;
      member.behind = [];
      const isPlanned = outcomes.length === 0 && live.planned !== undefined;
      plans.set(member, (isPlanned && live.planned) || live.plan(outcomes, { nowMs: startedMs, random }));
    }
    let turns = [...plans].map(([member, plan]) => ({ member, plan }));
    for (let round = 1; turns.length > 0; round += 1) {
      const results = await this.#steps.run(turns, open);
      const nowMs = clock.nowMs();
      const isLate = nowMs - startedMs >= patienceMs;
      const done = turns.map(({ member, plan }, index) => {
        const outcomes = results[index] ?? [];
        const after = outcomes.length === 0 ? plan : member.live.planFrom(plan, outcomes, { nowMs, random });
        plans.set(member, after);
        return { member, plan: after, hasActed: outcomes.length > 0 };
      });
      if (isLate) this.#setApart(members);
      if (isLate || round === maxRounds) break;
      turns = done.filter(({ member, plan, hasActed }) => hasActed && this.#goesOn(member, plan));
      for (const { member, plan } of turns)
        member.behind = [...member.behind, ...plan.works.map((work) => nameOf(member, work))];
    }
    await this.#write(plans, open);
  }

  /** Nothing but local steps comes next: nobody else has to see where the saga is now. */
  #goesOn(member: Member, { status, works }: Plan): boolean {
    return (
      status === 'running' &&
      works.length > 0 &&
      member.live.inFlight.size === 0 &&
      works.every((work) => isLocal(work) && !this.#apart.has(nameOf(member, work)))
    );
  }

  /** What came behind other steps begins a transaction from now on. False if nothing did. */
  #setApart(members: readonly Member[]): boolean {
    const names = members.flatMap(({ behind }) => behind);
    for (const name of names) this.#apart.add(name);
    return names.length > 0;
  }

  async #write(plans: ReadonlyMap<Member, Plan>, { token, transaction }: OpenGroup): Promise<void> {
    const { store, clock } = this.#options;
    const nowMs = clock.nowMs();
    const transitions: Transition[] = [];
    const begun: NewSaga[] = [];
    for (const [member, plan] of plans) {
      const { live } = member;
      member.written = plan;
      const progress = this.#progress(live, plan, nowMs);
      const { id } = live.row;
      if (live.unwritten === undefined) transitions.push({ ...progress, id, mailSeen: live.mail.length });
      else {
        begun.push({ ...live.unwritten, progress });
        member.advanced = { id, mailCount: 0, isHeld: progress.isHeld };
      }
    }
    // The commit goes right behind it, and fails with it.
    if (begun.length > 0) store.begin(transaction.sql, begun, token).catch(() => {});
    const advanced = await store.advance(transaction.sql, token, transitions);
    const found = new Map(advanced.map((each) => [each.id, each]));
    const members = [...plans.keys()];
    for (const member of members) {
      if (member.live.unwritten !== undefined) continue;
      const known = found.get(member.live.row.id);
      if (known === undefined) member.isFenced = true;
      else member.advanced = known;
    }
    if (members.some(({ isFenced }) => isFenced)) throw new GroupFenced();
    await this.#tellParents(members, transaction);
  }

  #progress(live: LiveSaga, after: Plan, nowMs: number): Progress {
    const { state, status, works, wakeAtMs, waitingFor } = after;
    const isOpen = status === 'running' || status === 'compensating';
    const wakeInMs = wakeAtMs === undefined ? undefined : wakeAtMs - nowMs;
    const hasWork = works.length > 0 || live.inFlight.size > 0;
    const isHeld = isOpen && (hasWork || (wakeInMs !== undefined && wakeInMs <= this.#options.holdMs));
    return { state, status, isHeld, readyInMs: isOpen && !isHeld ? wakeInMs : undefined, waitingFor };
  }

  async #tellParents(members: readonly Member[], { sql }: SagaTransaction): Promise<void> {
    const { store } = this.#options;
    for (const { live, written } of members) {
      const { parent, id } = live.row;
      if (parent === undefined || written === undefined || !isEnded(written.status)) continue;
      const letter: Letter = { kind: 'child', step: parent.step, child: id, status: written.status };
      await store.post(sql, parent.id, letter);
    }
  }
}

function isUnavailable(error: unknown): boolean {
  return isServiceError(error) && error.code === 'unavailable';
}

function isUnknown(error: unknown): boolean {
  return isServiceError(error) && error.reason === 'commit_outcome_unknown';
}

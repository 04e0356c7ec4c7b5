import { createValidator } from '@banyan/contract';
import { type Clock, type Logger, uuidv7 } from '@banyan/core';
import { isOwnFailure } from '../engine/own-failure.ts';
import type { SagaEnvironment, SagaTransaction, WatchedStep } from '../environment.ts';
import { failed, type Outcome, succeeded } from '../plan/outcome.ts';
import type { Advanced, NewSaga, SagaStore, Transition } from '../saga-store.ts';
import { isEnded, type Letter } from '../state.ts';
import type { Startable } from './context.ts';
import { durableStateOf, firstState } from './durable-state.ts';
import type { Execution } from './execution.ts';
import type { JournalEntry, NewJournalEntry } from './journal.ts';
import type { LiveDurable } from './live-durable.ts';
import type { CommandOutcome, DueCommand, Look } from './look.ts';
import { performTx } from './perform.ts';
import { type Standing, standingAfter } from './standing.ts';

export interface DurableGroupOptions {
  readonly store: SagaStore;
  readonly environment: SagaEnvironment;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** The service runs it. */
  readonly isRun: (definition: Startable) => boolean;
  /** An instance that is to be looked at again this soon stays in hand. */
  readonly holdMs: number;
}

/** One instance's part in a group, and how it went. */
export interface DurableMember {
  readonly live: LiveDurable;
  readonly execution: Execution;
  /** Outcomes it brings. */
  readonly outcomes: number;
  written?: Standing & {
    readonly entries: readonly JournalEntry[];
    readonly beyond: Look;
    /** Letters that were there when it was looked at: others may come before it is written. */
    readonly mailSeen: number;
  };
  advanced?: Advanced;
  /** Its own pieces failed: nothing of the group took effect, and this is why. */
  failures: CommandOutcome[];
  /** One failed after others of the transaction had asked the database. What those did is undone, and may be why: to be sure, it has to go alone. */
  isDoubtful: boolean;
  /** Somebody else has it. */
  isFenced: boolean;
  /** Started by it. */
  readonly children: NewSaga[];
}

export function createDurableMember(live: LiveDurable, execution: Execution): DurableMember {
  const { length: outcomes } = live.outcomes;
  return { live, execution, outcomes, failures: [], isDoubtful: false, isFenced: false, children: [] };
}

/** The transaction was undone on purpose; its members say why. */
export class DurableGroupUndone extends Error {}

class Interleaved extends Error {}

interface Open {
  readonly token: number;
  readonly transaction: SagaTransaction;
  /** See `performTx`. */
  readonly succeeded: WatchedStep[];
}

/**
 * Takes all members further in one transaction: their own pieces of it side by side; then each function is told what came back and runs until it waits
 * again; then their journals and rows are written. Either all of it takes effect, or nothing: what ran on too far is then run again from its journal.
 */
export class DurableGroup {
  readonly #options: DurableGroupOptions;
  /** Names of pieces that ask the database more than once: nobody else may ask between. */
  readonly #ordered = new Set<string>();

  constructor(options: DurableGroupOptions) {
    this.#options = options;
  }

  /** @throws DurableGroupUndone after which the members tell what to do; or what the database throws */
  async commit(token: number, members: readonly DurableMember[]): Promise<void> {
    const { environment } = this.#options;
    for (;;) {
      const succeeded: WatchedStep[] = [];
      try {
        await environment.transaction((transaction) => this.#run(members, { token, transaction, succeeded }));
        for (const each of succeeded) each.ended();
        return;
      } catch (error) {
        for (const each of succeeded) each.undone();
        for (const member of members) member.children.length = 0;
        // Once for each piece: from now on it takes its turn.
        if (error instanceof Interleaved) {
          for (const member of members) Object.assign(member, { failures: [], isDoubtful: false });
          continue;
        }
        for (const member of members) {
          // It was told what is not true.
          if (member.written !== undefined) member.live.execution = undefined;
          delete member.written;
        }
        throw error;
      }
    }
  }

  async #run(members: readonly DurableMember[], open: Open): Promise<void> {
    const { token, transaction } = open;
    const { store, clock, random } = this.#options;
    const { sql } = transaction;
    const times = { nowMs: clock.nowMs(), random };
    const looks = members.map(({ live, execution }) => live.look(execution, times));
    const results = await this.#runLocals(members, looks, open);
    if (transaction.isInterleaved) throw new Interleaved();
    if (members.some(hasFailed)) throw new DurableGroupUndone();
    for (const [index, member] of members.entries()) {
      const { live, execution } = member;
      const done = results[index] ?? [];
      const told = done.length === 0 ? (looks[index] as Look) : live.look(execution, times, done);
      const { entries } = told;
      // From here on the function knows what the database does not.
      const { state, status } = live;
      member.written = { state, status, entries, beyond: told, mailSeen: live.mail.length };
      await execution.advance(entries);
      const beyond = live.lookBeyond(execution, told, times);
      const mailSeen = live.mail.length;
      member.written = { ...standingAfter(live, { execution, told, beyond }), entries, beyond, mailSeen };
    }
    const transitions = members.map((member) => this.#transition(member, times.nowMs));
    const [rows] = await Promise.all([
      store.advance(sql, token, transitions),
      store.append(sql, journalOf(members)),
    ]);
    const advanced = new Map(rows.map((each) => [each.id, each]));
    for (const member of members) {
      const found = advanced.get(member.live.row.id);
      if (found === undefined) member.isFenced = true;
      else member.advanced = found;
    }
    if (members.some(({ isFenced }) => isFenced)) throw new DurableGroupUndone();
    await this.#tellParents(members, transaction);
  }

  async #runLocals(
    members: readonly DurableMember[],
    looks: readonly Look[],
    open: Open,
  ): Promise<readonly (readonly CommandOutcome[])[]> {
    const { transaction } = open;
    const results: CommandOutcome[][] = members.map(() => []);
    const ordered: (() => Promise<void>)[] = [];
    const together: Promise<void>[] = [];
    for (const [index, member] of members.entries()) {
      const local = looks[index]?.local ?? [];
      if (local.length === 0) continue;
      const run = async () => {
        for (const due of local) {
          const { outcome, restsOnOthers } = await this.#runLocal(member, due, open);
          const ended = { index: due.command.index, outcome };
          if (outcome.ok) {
            results[index]?.push(ended);
            continue;
          }
          if (!isOwnFailure(outcome)) throw outcome.error;
          if (restsOnOthers && members.length > 1) member.isDoubtful = true;
          else member.failures.push(ended);
          return;
        }
      };
      if (local.some((due) => this.#ordered.has(pieceOf(member, due)))) ordered.push(run);
      else together.push(run());
    }
    const settled = await Promise.allSettled(together);
    const isHealthy = () =>
      !transaction.isInterleaved &&
      !members.some(hasFailed) &&
      settled.every(({ status }) => status === 'fulfilled');
    for (const run of ordered) {
      if (!isHealthy()) break;
      await run();
    }
    if (transaction.isInterleaved || members.some(hasFailed)) return results;
    for (const each of settled) if (each.status === 'rejected') throw each.reason;
    return results;
  }

  async #runLocal(member: DurableMember, due: DueCommand, open: Open) {
    if (due.command.kind !== 'tx')
      return { outcome: await this.#writeChild(member, due, open), restsOnOthers: false };
    const onInterleaved = () => void this.#ordered.add(pieceOf(member, due));
    const { environment, clock } = this.#options;
    const { transaction, succeeded } = open;
    return performTx(member.live, due, { environment, transaction, succeeded, onInterleaved, clock });
  }

  async #writeChild(
    { live, children }: DurableMember,
    due: DueCommand,
    { token, transaction }: Open,
  ): Promise<Outcome> {
    const { command, record } = due;
    const { store, clock } = this.#options;
    try {
      if (record.child !== undefined) {
        const reason = `The function ${live.row.id} was interrupted.`;
        await store.post(transaction.sql, record.child, { kind: 'cancel', reason, by: live.row.id });
        return succeeded(command.name, 'do', undefined);
      }
      const child = this.#createChild(live, due, clock.nowMs());
      await store.start(transaction.sql, [child], token);
      children.push(child);
      return succeeded(command.name, 'do', child.id);
    } catch (error) {
      return failed(command.name, 'do', error);
    }
  }

  #transition({ live, written, execution }: DurableMember, nowMs: number): Transition {
    if (written === undefined) throw new TypeError('nothing is to be written');
    const { state, status, beyond, mailSeen } = written;
    const { entries, local, remote, wakeAtMs, waitingFor } = beyond;
    const isOpen = status === 'running' || status === 'compensating';
    const hasWork = entries.length + local.length + remote.length + live.inFlight.size > 0;
    const wakeInMs = wakeAtMs === undefined ? undefined : wakeAtMs - nowMs;
    const isHeld = isOpen && (hasWork || (wakeInMs !== undefined && wakeInMs <= this.#options.holdMs));
    return {
      id: execution.id,
      ...{ state, status, isHeld, waitingFor, mailSeen },
      readyInMs: isOpen && !isHeld ? wakeInMs : undefined,
    };
  }

  async #tellParents(members: readonly DurableMember[], { sql }: SagaTransaction): Promise<void> {
    for (const { live, written } of members) {
      const { parent, id } = live.row;
      if (parent === undefined || written === undefined || !isEnded(written.status)) continue;
      const { result, error } = durableStateOf(written.state);
      const letter: Letter = {
        ...{ kind: 'child', step: parent.step, child: id, status: written.status },
        result: { value: result ?? null },
        ...(error === undefined ? undefined : { error }),
      };
      await this.#options.store.post(sql, parent.id, letter);
    }
  }

  #createChild({ row }: LiveDurable, { command }: DueCommand, nowMs: number): NewSaga {
    const { request, index } = command;
    if (request.kind !== 'child') throw new TypeError(`'${request.kind}' is no child`);
    const { definition } = request;
    if (!this.#options.isRun(definition))
      throw new TypeError(`The service does not run ${command.name}: add it to 'sagas' or 'durable'.`);
    const { name, version, deadlineMs } = definition;
    const { user, traceparent } = row;
    return {
      ...{ id: uuidv7(), name, version, deadlineMs, user, traceparent, idempotencyKey: undefined },
      input: createValidator<unknown>(definition.input, 'input').parse(request.input),
      parent: { id: row.id, step: String(index) },
      ...(definition.kind === 'durable' ? { state: firstState(nowMs) } : undefined),
    };
  }
}

/** Then nothing of the group takes effect. */
function hasFailed({ failures, isDoubtful }: DurableMember): boolean {
  return failures.length > 0 || isDoubtful;
}

function journalOf(members: readonly DurableMember[]): readonly NewJournalEntry[] {
  return members.flatMap(({ live, written }) =>
    (written?.entries ?? []).map((entry, index) => ({
      sagaId: live.row.id,
      seq: live.journal.length + index,
      entry,
    })),
  );
}

function pieceOf({ live }: DurableMember, { command }: DueCommand): string {
  return `${live.row.name}/${command.name}`;
}

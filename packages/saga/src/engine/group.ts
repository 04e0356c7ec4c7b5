import { createValidator } from '@banyan/contract';
import { type Clock, isServiceError, type Logger, uuidv7 } from '@banyan/core';
import type { TxStepContext } from '../definition/action.ts';
import type { SagaEnvironment, SagaTransaction } from '../environment.ts';
import { failed, type Outcome, succeeded } from '../plan/outcome.ts';
import type { Plan } from '../plan/plan.ts';
import type { Work } from '../plan/work.ts';
import type { Advanced, NewSaga, SagaStore, Transition } from '../saga-store.ts';
import { isEnded, type Letter } from '../state.ts';
import type { LiveSaga } from './live-saga.ts';
import { contextOf, expiryOf, identityOf, isLocal, refuse, within } from './step-work.ts';

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
  /** Its own steps failed: nothing of the group took effect, and this is why. */
  failures: Outcome[];
  /** Somebody else has it. */
  isFenced: boolean;
  /** Sagas it started. */
  readonly children: NewSaga[];
}

export function createMember(live: LiveSaga): Member {
  return { live, outcomes: [...live.outcomes], failures: [], isFenced: false, children: [] };
}

/** The transaction was undone on purpose; its members say why. */
export class GroupUndone extends Error {}

/**
 * Takes all members one step further in one transaction: their local steps side by side, then one statement that writes every row. Either all of it takes
 * effect, or nothing.
 */
export class Group {
  readonly #options: GroupOptions;
  /** `saga/step` of local steps that ask the database more than once: nobody else may ask between. */
  readonly #ordered = new Set<string>();

  constructor(options: GroupOptions) {
    this.#options = options;
  }

  /** @throws GroupUndone after which the members tell what to do; or what the database throws */
  async commit(token: number, members: readonly Member[]): Promise<void> {
    const { environment } = this.#options;
    for (;;) {
      try {
        await environment.transaction((transaction) => this.#run(token, members, transaction));
        return;
      } catch (error) {
        for (const member of members) member.children.length = 0;
        // Once for each step: from now on it takes its turn.
        if (error instanceof Interleaved) continue;
        for (const member of members) delete member.written;
        throw error;
      }
    }
  }

  async #run(token: number, members: readonly Member[], transaction: SagaTransaction): Promise<void> {
    const { store, clock, random } = this.#options;
    const times = { nowMs: clock.nowMs(), random };
    const firsts = members.map(({ live, outcomes }) =>
      outcomes.length === 0 && live.planned !== undefined ? live.planned : live.plan(outcomes, times),
    );
    const results = await this.#runLocals(members, firsts, { token, transaction });
    if (transaction.isInterleaved) throw new Interleaved();
    if (members.some(({ failures }) => failures.length > 0)) throw new GroupUndone();
    const transitions = members.map((member, index): Transition => {
      const first = firsts[index] as Plan;
      const outcomes = results[index] ?? [];
      const after = outcomes.length === 0 ? first : member.live.planFrom(first, outcomes, times);
      member.written = after;
      return this.#transition(member.live, after, times.nowMs);
    });
    const advanced = new Map(
      (await store.advance(transaction.sql, token, transitions)).map((each) => [each.id, each]),
    );
    for (const member of members) {
      const found = advanced.get(member.live.row.id);
      if (found === undefined) member.isFenced = true;
      else member.advanced = found;
    }
    if (members.some(({ isFenced }) => isFenced)) throw new GroupUndone();
    await this.#tellParents(members, transaction);
  }

  async #runLocals(
    members: readonly Member[],
    plans: readonly Plan[],
    open: Open,
  ): Promise<readonly (readonly Outcome[])[]> {
    const { transaction } = open;
    const results: Outcome[][] = members.map(() => []);
    const ordered: (() => Promise<void>)[] = [];
    const together: Promise<void>[] = [];
    for (const [index, member] of members.entries()) {
      const works = plans[index]?.works.filter(isLocal) ?? [];
      if (works.length === 0) continue;
      const run = async () => {
        for (const work of works) {
          const outcome = await this.#runLocal(member, work, open);
          if (!outcome.ok) {
            if (isOwnFailure(outcome)) member.failures.push(outcome);
            else throw outcome.error;
            return;
          }
          results[index]?.push(outcome);
        }
      };
      if (works.some((work) => this.#ordered.has(nameOf(member, work)))) ordered.push(run);
      else together.push(run());
    }
    const settled = await Promise.allSettled(together);
    const isHealthy = () =>
      !transaction.isInterleaved &&
      members.every(({ failures }) => failures.length === 0) &&
      settled.every(({ status }) => status === 'fulfilled');
    for (const run of ordered) {
      if (!isHealthy()) break;
      await run();
    }
    if (transaction.isInterleaved || members.some(({ failures }) => failures.length > 0)) return results;
    for (const each of settled) if (each.status === 'rejected') throw each.reason;
    return results;
  }

  async #runLocal(member: Member, work: Work, { token, transaction }: Open): Promise<Outcome> {
    const { live } = member;
    const { step, phase, action } = work;
    const { store, clock } = this.#options;
    try {
      if (action.kind === 'startChild') {
        const child = createChild(live, work, action.node);
        await store.start(transaction.sql, [child], token);
        member.children.push(child);
        return succeeded(step, phase, child.id);
      }
      if (action.kind === 'cancelChild') {
        const reason = `The saga ${live.row.id} is being compensated.`;
        await store.post(transaction.sql, action.child, { kind: 'cancel', reason, by: live.row.id });
        return succeeded(step, phase, undefined);
      }
      if (action.kind === 'send') return this.#send(live, work, transaction);
      if (action.kind !== 'tx') throw new TypeError(`'${action.kind}' is not local`);
      const opened = transaction.open(identityOf(live, step), () => this.#ordered.add(nameOf(member, work)));
      // By prototype: spreading would make a logger that few steps ask for.
      const context: TxStepContext = Object.assign(Object.create(opened), contextOf(live, work), { refuse });
      const running = action.tx(work.state, context);
      return succeeded(step, phase, await within(running, { timeoutMs: work.timeoutMs, clock }));
    } catch (error) {
      return failed(step, phase, error);
    }
  }

  #send(live: LiveSaga, work: Work, transaction: SagaTransaction): Outcome {
    const { step, phase, action } = work;
    if (action.kind !== 'send') throw new TypeError(`'${action.kind}' is no message`);
    const id = transaction.send({
      ...identityOf(live, step),
      message: action.message,
      data: action.with(work.state, contextOf(live, work)),
      expiresAtMs: expiryOf(live, work, this.#options.clock.nowMs()),
    });
    if (action.message.reply === undefined) return succeeded(step, phase, undefined);
    return { step, phase, ok: true, value: id, isSent: true };
  }

  #transition(live: LiveSaga, after: Plan, nowMs: number): Transition {
    const { state, status, works, wakeAtMs, waitingFor } = after;
    const isOpen = status === 'running' || status === 'compensating';
    const wakeInMs = wakeAtMs === undefined ? undefined : wakeAtMs - nowMs;
    const hasWork = works.length > 0 || live.inFlight.size > 0;
    const isHeld = isOpen && (hasWork || (wakeInMs !== undefined && wakeInMs <= this.#options.holdMs));
    return {
      id: live.row.id,
      state,
      status,
      isHeld,
      readyInMs: isOpen && !isHeld ? wakeInMs : undefined,
      mailSeen: live.mail.length,
      waitingFor,
    };
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

class Interleaved extends Error {}

interface Open {
  readonly token: number;
  readonly transaction: SagaTransaction;
}

function nameOf({ live }: Member, { step, phase }: Work): string {
  return `${live.row.name}/${step}/${phase}`;
}

function createChild(
  { row }: LiveSaga,
  { step, state }: Work,
  node: Extract<Work['action'], { kind: 'startChild' }>['node'],
): NewSaga {
  const child = node.saga();
  const input = createValidator<unknown>(child.input, 'input').parse(node.with(state));
  const { name, version, deadlineMs } = child;
  const { user, traceparent } = row;
  return {
    id: uuidv7(),
    name,
    version,
    idempotencyKey: undefined,
    input,
    deadlineMs,
    user,
    traceparent,
    parent: { id: row.id, step },
  };
}

const commonCodes: ReadonlySet<string> = new Set(['unavailable', 'aborted', 'cancelled']);

/** Says something about the step itself, not about the transaction it shared. */
function isOwnFailure(outcome: Outcome): boolean {
  if (outcome.ok) return false;
  const { error } = outcome;
  if (error.declared) return true;
  return !commonCodes.has(error.code) && error.reason !== 'transaction_failed';
}

/** What a failed transaction of one member says about the step it was for. */
export function toLocalFailure(work: Work, error: unknown): Outcome {
  const isRollback = isServiceError(error) && error.reason === 'transaction_failed';
  const cause = isRollback && error.cause !== undefined ? error.cause : error;

  return failed(work.step, work.phase, cause);
}

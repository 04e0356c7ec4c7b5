import { createValidator } from '@banyan/contract';
import { type Clock, uuidv7 } from '@banyan/core';
import type { SagaEnvironment, SagaTransaction, StepIdentity, WatchedStep } from '../environment.ts';
import { failed, type Outcome, succeeded } from '../plan/outcome.ts';
import type { Plan } from '../plan/plan.ts';
import type { Work } from '../plan/work.ts';
import type { NewSaga, SagaStore } from '../saga-store.ts';
import type { Member } from './group.ts';
import type { LiveSaga } from './live-saga.ts';
import { isOwnFailure } from './own-failure.ts';
import {
  attemptOf,
  contextOf,
  expiryOf,
  identityOf,
  isLocal,
  runWatched,
  StepTxContext,
  within,
} from './step-work.ts';

export interface LocalStepsOptions {
  readonly store: SagaStore;
  readonly environment: Pick<SagaEnvironment, 'watch'>;
  readonly clock: Clock;
}

/** The transaction that all share, and whose it is. */
export interface OpenGroup {
  readonly token: number;
  readonly transaction: SagaTransaction;
  /** Several sagas are in it. */
  readonly isShared: boolean;
  /** Attempts that have succeeded, to be told how they ended when it is known whether the transaction is committed. */
  readonly succeeded: WatchedStep[];
}

interface OpenPart extends OpenGroup {
  readonly identity: StepIdentity;
  readonly watched: WatchedStep | undefined;
}

/** What one member does now. */
export interface Turn {
  readonly member: Member;
  readonly plan: Plan;
}

/** A step asked the database again after others had asked. */
export class Interleaved extends Error {}

/** Steps failed by themselves, which their sagas know: all go again, so that what came before is kept and the failure put on record. */
export class StepsFailed extends Error {}

/** Steps failed after others of the transaction had asked the database. What those did is undone, and may be why: to be sure, these have to go alone. */
export class StepsDoubtful extends Error {
  readonly members: ReadonlySet<Member>;

  constructor(members: ReadonlySet<Member>) {
    super();
    this.members = members;
  }
}

/** How an attempt at a step ended. */
interface Ended {
  readonly outcome: Outcome;
  readonly restsOnOthers: boolean;
}

/** Does the local steps of many sagas side by side in one transaction. */
export class LocalSteps {
  readonly #options: LocalStepsOptions;
  /** `saga/step` of those that ask the database more than once: nobody else may ask between. */
  readonly #ordered = new Set<string>();

  constructor(options: LocalStepsOptions) {
    this.#options = options;
  }

  /**
   * Outcomes of each turn.
   * @throws StepsDoubtful, Interleaved or StepsFailed if all have to go again; or what a step threw that is not its own failure
   */
  async run(turns: readonly Turn[], open: OpenGroup): Promise<readonly (readonly Outcome[])[]> {
    const { transaction } = open;
    const results: Outcome[][] = turns.map(() => []);
    const ordered: (() => Promise<void>)[] = [];
    const together: Promise<void>[] = [];
    let hasFailed = false;
    const doubtful = new Set<Member>();
    for (const [index, { member, plan }] of turns.entries()) {
      const works = plan.works.filter(isLocal);
      if (works.length === 0) continue;
      const run = async () => {
        for (const work of works) {
          const { failures } = member.live;
          const attempt = { plan, work, isBehind: member.behind.length > 0 };
          const known = failures.find(attempt);
          if (known !== undefined) {
            results[index]?.push(known);
            continue;
          }
          const { outcome, restsOnOthers } = await this.#perform({ member, plan }, work, open);
          if (outcome.ok) {
            failures.trust(work);
            results[index]?.push(outcome);
            continue;
          }
          if (!isOwnFailure(outcome)) throw outcome.error;
          hasFailed = true;
          if (open.isShared && restsOnOthers) {
            failures.doubt(work);
            doubtful.add(member);
          } else failures.know(outcome, attempt);
          return;
        }
      };
      if (works.some((work) => this.#ordered.has(nameOf(member, work)))) ordered.push(run);
      else together.push(run());
    }
    const settled = await Promise.allSettled(together);
    const isCommon = settled.some(({ status }) => status === 'rejected');
    for (const run of ordered) {
      if (transaction.isInterleaved || hasFailed || isCommon) break;
      await run();
    }
    if (doubtful.size > 0) throw new StepsDoubtful(doubtful);
    if (transaction.isInterleaved) throw new Interleaved();
    if (hasFailed) throw new StepsFailed();
    for (const each of settled) if (each.status === 'rejected') throw each.reason;
    return results;
  }

  async #perform(turn: Turn, work: Work, open: OpenGroup): Promise<Ended> {
    const { live } = turn.member;
    const own = identityOf(live, work.step);
    const watched = this.#options.environment.watch?.(own, attemptOf(work));
    const part = { ...open, watched, identity: watched?.identity ?? own };
    const ended =
      work.action.kind === 'tx'
        ? await this.#performTx(turn, work, part)
        : { outcome: await this.#write(turn, work, part), restsOnOthers: false };
    const { outcome } = ended;
    if (!outcome.ok) watched?.failed(outcome.error);
    else if (watched !== undefined) open.succeeded.push(watched);
    return ended;
  }

  /** What the saga itself puts into the transaction. */
  async #write({ member, plan }: Turn, work: Work, part: OpenPart): Promise<Outcome> {
    const { token, transaction, identity } = part;
    const { live } = member;
    const { step, phase, action } = work;
    const { store } = this.#options;
    try {
      if (action.kind === 'startChild') {
        const child = createChild(live, work, { node: action.node, identity });
        await store.start(transaction.sql, [child], token);
        member.children.push(child);
        return succeeded(step, phase, child.id);
      }
      if (action.kind === 'cancelChild') {
        const reason = `The saga ${live.row.id} is being compensated.`;
        await store.post(transaction.sql, action.child, { kind: 'cancel', reason, by: live.row.id });
        return succeeded(step, phase, undefined);
      }
      if (action.kind === 'send') return this.#send({ member, plan }, work, part);
      throw new TypeError(`'${action.kind}' is not local`);
    } catch (error) {
      return failed(step, phase, error);
    }
  }

  async #performTx({ member, plan }: Turn, work: Work, part: OpenPart): Promise<Ended> {
    const { transaction, identity, watched } = part;
    const { live } = member;
    const { step, phase, action, timeoutMs } = work;
    const { clock } = this.#options;
    const onInterleaved = () => this.#ordered.add(nameOf(member, work));
    const { context: opened, admission } = transaction.open(identity, onInterleaved);
    try {
      if (action.kind !== 'tx') throw new TypeError(`'${action.kind}' is no piece of the transaction`);
      const context = new StepTxContext(contextOf(live, work, plan.state), opened);
      const running = runWatched(watched, () => action.tx(work.state, context));
      const result = await within(running, { timeoutMs, clock });
      return { outcome: succeeded(step, phase, result), restsOnOthers: admission.restsOnOthers };
    } catch (error) {
      return { outcome: failed(step, phase, error), restsOnOthers: admission.restsOnOthers };
    }
  }

  #send({ member: { live }, plan: { state } }: Turn, work: Work, part: OpenPart): Outcome {
    const { transaction, identity } = part;
    const { step, phase, action } = work;
    if (action.kind !== 'send') throw new TypeError(`'${action.kind}' is no message`);
    const id = transaction.send({
      ...identity,
      message: action.message,
      data: action.with(work.state, contextOf(live, work, state)),
      expiresAtMs: expiryOf(live, work, { state, nowMs: this.#options.clock.nowMs() }),
    });
    if (action.message.reply === undefined) return succeeded(step, phase, undefined);
    return { step, phase, ok: true, value: id, isSent: true };
  }
}

/** The same for all sagas of one definition. */
export function nameOf({ live }: Member, { step, phase }: Work): string {
  return `${live.row.name}/${step}/${phase}`;
}

type ChildNode = Extract<Work['action'], { kind: 'startChild' }>['node'];

function createChild(
  { row }: LiveSaga,
  { step, state }: Work,
  { node, identity }: { readonly node: ChildNode; readonly identity: StepIdentity },
): NewSaga {
  const child = node.saga();
  const input = createValidator<unknown>(child.input, 'input').parse(node.with(state));
  const { name, version, deadlineMs } = child;
  const { user, traceparent } = identity;
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

import { isEnded, type SagaState, type SagaStatus } from '../state.ts';
import { applyOutcome } from './apply-outcome.ts';
import { goBack } from './back.ts';
import { Draft, type Instance, type PlanContext } from './draft.ts';
import { goForward } from './forward.ts';
import type { Outcome } from './outcome.ts';
import { readLetters } from './read-letters.ts';
import { checkTime, turnRound } from './turn.ts';
import type { Work } from './work.ts';

/** Where a saga stands, and what comes next. */
export interface Plan {
  readonly state: SagaState;
  readonly status: SagaStatus;
  readonly works: readonly Work[];
  /** Epoch milliseconds at which to look again; undefined if only work or a letter changes anything. */
  readonly wakeAtMs: number | undefined;
  /** Signals that would let it go on. */
  readonly waitingFor: readonly string[];
}

/**
 * What becomes of a saga when `outcomes` are known: a pure function of definition, records, letters and time. It is asked again after each change, so
 * nothing else tells a worker where a saga is.
 */
export function plan(instance: Instance, outcomes: readonly Outcome[], context: PlanContext): Plan {
  const draft = new Draft(instance, context);
  for (const outcome of outcomes) applyOutcome(draft, outcome);
  readLetters(draft);
  checkTime(draft);
  // Turning round, restarting and finding the pivot passed each begin another walk; the number of turns is small and bounded by the definition.
  for (let before: SagaStatus | undefined; before !== draft.status; ) {
    before = draft.status;
    draft.beginWalk();
    if (before === 'running') goForward(draft);
    else if (before === 'compensating') goBack(draft);
    if (draft.obstacle !== undefined) turnRound(draft, draft.obstacle);
  }
  return toPlan(draft, context.nowMs);
}

function toPlan(draft: Draft, nowMs: number): Plan {
  const { state, status, works, waitingFor } = draft;
  if (status === 'running' && !state.forward) draft.wake(draft.latestMs());
  const { wakeAtMs } = draft;
  const isOpen = !isEnded(status) && status !== 'stuck';
  return {
    state: draft.toState(),
    status,
    works: isOpen ? works : [],
    wakeAtMs: isOpen && Number.isFinite(wakeAtMs) ? Math.max(nowMs, wakeAtMs) : undefined,
    waitingFor: isOpen ? waitingFor : [],
  };
}

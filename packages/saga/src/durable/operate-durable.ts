import type { OperatorVerdict } from '../operate.ts';
import type { StoredSaga } from '../saga-store.ts';
import { isEnded, type SagaState } from '../state.ts';
import { type DurableState, durableStateOf, type PendingRecord } from './durable-state.ts';

type Operated = Pick<StoredSaga, 'state' | 'status'>;

/** Goes on at once: with mended code, or with another five attempts of what failed. */
export function retryDurable({ state, status }: Operated): OperatorVerdict {
  if (isEnded(status)) return { refused: `it has ended: ${status}.` };
  const { pending, ...durable } = durableStateOf(state);
  const afresh = Object.fromEntries(Object.entries(pending).map(([index, record]) => [index, again(record)]));
  return { status: state.stuck?.from ?? status, state: unstuck(state, { ...durable, pending: afresh }) };
}

/** Answers the command that it is stuck at; or, if its code cannot go on, ends it as if it had returned `result`. */
export function answerDurable({ state, status }: Operated, result: unknown): OperatorVerdict {
  if (status !== 'stuck' || state.stuck === undefined) return { refused: `it is not stuck, but ${status}.` };
  const { stuckAt, pending, ...durable } = durableStateOf(state);
  if (stuckAt === undefined) {
    return { status: 'completed', state: unstuck(state, { ...durable, pending: {}, result }) };
  }
  const record = pending[stuckAt];
  if (record === undefined) return { refused: 'what it is stuck at is not pending any more: retry it.' };
  const given: PendingRecord = { ...again(record), given: result === undefined ? {} : { r: result } };
  const answered = { ...durable, pending: { ...pending, [stuckAt]: given } };
  return { status: state.stuck.from, state: unstuck(state, answered) };
}

/** Answers the command that it is stuck at with nothing. */
export function skipDurable(operated: Operated): OperatorVerdict {
  if (operated.status === 'stuck' && durableStateOf(operated.state).stuckAt === undefined) {
    return { refused: 'its code cannot go on: mend it and retry, or end it by repair or cancel.' };
  }
  return answerDurable(operated, undefined);
}

/** Ends a function whose code cannot go on. One that is stuck at a command is told by letter, once it goes on. */
export function cancelStuckDurable({ state, status }: Operated): OperatorVerdict {
  if (status !== 'stuck' || state.stuck === undefined) return { refused: 'it is not stuck.' };
  const durable = durableStateOf(state);
  if (durable.stuckAt !== undefined) return retryDurable({ state, status });
  const reason = 'An operator ended it; its code could not go on, so nothing was undone.';
  const ended = unstuck(state, { ...durable, pending: {} });
  return { status: 'failed', state: { ...ended, failure: { kind: 'cancelled', reason } } };
}

function unstuck(
  { stuck: _stuck, failure: _failure, ...state }: SagaState,
  { stuckAt: _stuckAt, ...durable }: DurableState,
): SagaState {
  return { ...state, durable };
}

/** Without what earlier attempts left. What waits for a time goes on waiting. */
function again(record: PendingRecord): PendingRecord {
  const { a: _a, at, e: _e, ...rest } = record;
  const waits = record.k === 'sleep' || record.k === 'wait';
  return waits && at !== undefined ? { ...rest, at } : rest;
}

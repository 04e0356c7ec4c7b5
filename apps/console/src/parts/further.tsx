import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { get, type Problem } from '../data/api.ts';
import type { Resource } from '../data/resource.ts';
import { formatTime } from '../format.ts';
import { ProblemNote } from './states.tsx';

/** An answer of a search, which may have stopped before its end. */
interface Answer {
  readonly next?: string | undefined;
  readonly searchedTo?: string | undefined;
}

interface State<Found> {
  /** Of which question. */
  readonly key: string;
  /** The one that was on the screen, and those behind it; they stay as they are. */
  readonly answers: readonly Found[];
  readonly isBusy: boolean;
  readonly problem?: Problem;
}

export interface Further<Found> {
  /** One, renewed as it comes, until somebody searches further back. */
  readonly answers: readonly Found[];
  /** Says how far the search got, and goes on; nothing if it came to its end. */
  readonly foot: JSX.Element | null;
}

/** Lets a search that stopped go on where it did. @param pathOf the same question behind a cursor */
export function useFurther<Found extends Answer>(
  live: Resource<Found>,
  key: string,
  pathOf: (after: string) => string,
): Further<Found> {
  const [state, setState] = useState<State<Found>>();
  const held = state?.key === key ? state : undefined;
  const answers = held?.answers ?? (live.value === undefined ? [] : [live.value]);
  const { next, searchedTo } = answers.at(-1) ?? {};
  const goOn = async () => {
    if (next === undefined) return;
    const before = { key, answers };
    setState({ ...before, isBusy: true });
    try {
      const found = await get<Found>(pathOf(next));
      setState((now) => (now?.key === key ? { key, answers: [...answers, found], isBusy: false } : now));
    } catch (error) {
      setState((now) => (now?.key === key ? { ...before, isBusy: false, problem: error as Problem } : now));
    }
  };
  // Also when what lies behind could not be had: nothing is renewed then, either.
  const isHeld = held !== undefined && (answers.length > 1 || !held.isBusy);
  if (searchedTo === undefined && !isHeld) return { answers, foot: null };
  const foot = (
    <div class="toolbar" role="status">
      {held?.problem !== undefined && <ProblemNote error={held.problem} />}
      <span class="soft">
        {searchedTo === undefined
          ? 'Searched to the end.'
          : `Searched back to ${formatTime(searchedTo)}: there may be more.`}
      </span>
      {searchedTo !== undefined && (
        <button type="button" class="button" disabled={held?.isBusy === true} onClick={() => void goOn()}>
          Search further back
        </button>
      )}
      {isHeld && (
        <button type="button" class="button" onClick={() => setState(undefined)}>
          Back to the newest
        </button>
      )}
    </div>
  );
  return { answers, foot };
}

import type { SagaFailure, StepRecord } from '../state.ts';
import { type Draft, isRemote } from './draft.ts';
import { walk } from './forward.ts';

/** A saga that is too late to pass its pivot turns round. */
export function checkTime(draft: Draft): void {
  if (draft.status !== 'running' || draft.state.forward) return;
  const { nowMs } = draft.context;
  const { deadlineAtMs } = draft.instance;
  if (deadlineAtMs !== undefined && deadlineAtMs <= nowMs) turnRound(draft, { kind: 'deadline' });
  else if (draft.latestMs() <= nowMs) turnRound(draft, { kind: 'expired' });
}

/** From here on everything is undone; behind the pivot there is only an operator. */
export function turnRound(draft: Draft, failure: SagaFailure): void {
  if (draft.status !== 'running') return;
  const { step } = failure;
  draft.state.failure = failure;
  if (draft.state.forward) {
    if (step !== undefined) draft.stop(step, 'do');
    return;
  }
  const begun = mayHaveBegun(draft, step);
  draft.status = 'compensating';
  if (step !== undefined) draft.steps[step] = { ...draft.steps[step], s: 'failed' };
  for (const name of begun) draft.steps[name] = { ...afresh(draft.steps[name]), s: 'unsure' };
}

/** Attempts to find out what happened are counted, and wait, by themselves. */
function afresh(record: StepRecord | undefined): Omit<StepRecord, 'n' | 'at'> | undefined {
  if (record === undefined) return undefined;
  const { n: _n, at: _at, ...rest } = record;
  return rest;
}

/** Steps that may have happened without our knowing. */
function mayHaveBegun(draft: Draft, failed: string | undefined): ReadonlySet<string> {
  const { inFlight, isTakenOver } = draft.context;
  const names = new Set<string>();
  const add = (name: string) => {
    if (name !== failed && isRemote(draft.nodes.get(name))) names.add(name);
  };
  for (const [name, record] of Object.entries(draft.steps)) {
    // Also if it was refused at last: an earlier attempt may still be under way.
    if (record.s === 'failing' && record.u) names.add(name);
    if (record.s === 'waiting' && record.m !== undefined) names.add(name);
  }
  for (const key of inFlight) {
    const [name = '', phase] = key.split('/');
    if (phase === 'do') add(name);
  }
  if (isTakenOver) {
    // An attempt of the worker before may still be under way, whatever ours was told.
    if (failed !== undefined && isRemote(draft.nodes.get(failed))) names.add(failed);
    const trial = draft.copy();
    walk(trial, draft.instance.definition.nodes);
    for (const { step, phase } of trial.works) if (phase === 'do') add(step);
  }
  return names;
}

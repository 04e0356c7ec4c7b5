import type { Node } from '../definition/definition.ts';
import { isEnded, type StepRecord } from '../state.ts';
import { type Draft, isRemote, isSend } from './draft.ts';
import { backoffMs, classify, type Outcome } from './outcome.ts';
import {
  childRetry,
  compensationAttempts,
  compensationRetry,
  faultAttempts,
  patientAttempts,
} from './retries.ts';
import { turnRound } from './turn.ts';

type Failed = Extract<Outcome, { ok: false }>;

/** What has happened changes the records. */
export function applyOutcome(draft: Draft, outcome: Outcome): void {
  const node = draft.nodes.get(outcome.step);
  if (node === undefined || isEnded(draft.status)) return;
  if (outcome.ok && outcome.isSent) applySent(draft, outcome);
  else if (outcome.phase === 'do') applyDone(draft, node, outcome);
  else applyEffect(draft, node, outcome);
}

function applySent(draft: Draft, { step, phase, value }: Extract<Outcome, { ok: true }>): void {
  const { at: _at, ...rest } = draft.steps[step] ?? { s: 'waiting' };
  if (phase === 'void') return;
  const m = { id: String(value), p: phase };
  draft.steps[step] = phase === 'do' ? { ...rest, s: 'waiting', m } : { ...rest, m };
}

function applyDone(draft: Draft, node: Node, outcome: Outcome): void {
  const { name } = node;
  const record = draft.steps[name];
  const isExpected = draft.status === 'running' || record?.s === 'unsure';
  if (!isExpected || record?.s === 'done' || record?.s === 'void' || record?.s === 'skipped') return;
  if (outcome.ok) {
    if (node.kind === 'child') draft.steps[name] = { s: 'waiting', child: String(outcome.value) };
    else draft.finish(name, outcome.value);
    return;
  }
  if (record?.s !== 'unsure') {
    applyFailure(draft, node, outcome);
    return;
  }
  // What was refused did not happen, if it was the only attempt; anything else is found out by voiding it. Of a message there is only one at a time.
  const isOnly = !record.u && !draft.context.isTakenOver;
  const isKnown = isSend(node) || (isOnly && classify(outcome.error) === 'refused');
  if (isKnown) draft.steps[name] = { s: 'failed', e: outcome.problem };
}

/** Tries again, goes on without it, or turns round, as the step's policy says. */
function applyFailure(draft: Draft, node: Node, { error, problem, asked = 1 }: Failed): void {
  const { name } = node;
  const { nowMs, random } = draft.context;
  const kind = classify(error);
  const record = draft.steps[name];
  const isUnknown = kind !== 'refused' && !error.notStarted && isRemote(node);
  const tried = triesOf(record, asked);
  const failing: StepRecord = {
    ...record,
    s: 'failing',
    ...tried,
    e: problem,
    ...(isUnknown ? { u: true } : undefined),
  };
  draft.steps[name] = failing;
  const policy = node.kind === 'step' ? node.onFailure : 'compensate';
  const retry = node.kind === 'step' ? node.retry : childRetry;
  const standard = kind === 'fault' ? faultAttempts : Number.POSITIVE_INFINITY;
  const attempts = kind === 'refused' && policy !== 'retry' ? 1 : (retry.maxAttempts ?? standard);
  const counted = countedOf(tried);
  if (counted < attempts) {
    const waitMs = Math.max(backoffMs(retry, counted - 1, random), error.retryAfterMs ?? 0);
    draft.steps[name] = { ...failing, at: nowMs + waitMs };
    return;
  }
  if (policy === 'ignore') {
    draft.steps[name] = { s: 'ignored', n: tried.n, e: problem };
    return;
  }
  if (policy === 'restart' && !draft.state.forward) draft.state.restart = true;
  turnRound(draft, { step: name, kind, error: problem });
}

/** Undoing, confirming and voiding are tried again whatever the failure is; then an operator has to look. */
function applyEffect(draft: Draft, node: Node, outcome: Outcome): void {
  const { name } = node;
  const record = draft.steps[name];
  if (record === undefined || draft.status === 'stuck') return;
  if (outcome.ok) applyEffectDone(draft, name, outcome);
  else applyEffectFailed(draft, name, outcome);
}

function applyEffectDone(draft: Draft, name: string, outcome: Extract<Outcome, { ok: true }>): void {
  const { n: _n, d: _d, e: _e, at: _at, ...rest } = draft.steps[name] ?? { s: 'done' };
  if (outcome.phase === 'confirm') draft.steps[name] = { ...rest, c: true };
  else if (outcome.phase === 'void') {
    if (rest.s === 'unsure') draft.finish(name, outcome.value);
  } else if (rest.s === 'waiting') draft.steps[name] = { ...rest, told: true };
  else draft.steps[name] = { ...rest, s: 'undone' };
}

function applyEffectFailed(draft: Draft, name: string, failure: Failed): void {
  const { phase, error, problem, asked = 1 } = failure;
  const record = draft.steps[name] ?? { s: 'done' };
  if (phase === 'void' && (error.reason === 'call_voided' || error.declared)) {
    draft.steps[name] = record.e === undefined ? { s: 'void' } : { s: 'failed', e: record.e };
    return;
  }
  const tries = triesOf(record, asked);
  const counted = countedOf(tries);
  const atMost = classify(error) === 'unavailable' ? patientAttempts : compensationAttempts;
  const tried: StepRecord = { ...record, ...tries, e: problem };
  if (counted >= atMost) {
    draft.steps[name] = tried;
    draft.stop(name, phase);
    return;
  }
  const { nowMs, random } = draft.context;
  draft.steps[name] = { ...tried, at: nowMs + backoffMs(compensationRetry, counted - 1, random) };
}

type Tries = { readonly n: number; readonly d?: number };

/** @param asked attempts that came one right after the other, all but the last among others */
function triesOf(record: StepRecord | undefined, asked: number): Tries {
  const n = (record?.n ?? 0) + asked;
  const d = (record?.d ?? 0) + asked - 1;
  return d === 0 ? { n } : { n, d };
}

/** The attempts that a policy counts: between these it waits. */
function countedOf({ n, d = 0 }: Tries): number {
  return n - d;
}

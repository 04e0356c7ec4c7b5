import { ServiceError } from '@banyan/core';
import type { Action } from '../definition/action.ts';
import { actionOf } from '../definition/definition.ts';
import type { Phase, ReplyLetter } from '../state.ts';
import { applyOutcome } from './apply-outcome.ts';
import type { Draft } from './draft.ts';
import { failed, type Outcome, succeeded } from './outcome.ts';
import { turnRound } from './turn.ts';

interface Attempt {
  readonly action: Extract<Action, { kind: 'send' }>;
  readonly step: string;
  readonly phase: Phase;
}

/** A reply ends the attempt that its message was. One that nobody waits for has no effect: it comes a second time, or too late. */
export function applyReply(draft: Draft, letter: ReplyLetter): void {
  for (const [step, { m }] of Object.entries(draft.steps)) {
    if (m?.id !== letter.message) continue;
    const action = actionOf(draft.nodes.get(step), m.p);
    if (action?.kind !== 'send' || action.message.service !== letter.from) return;
    const { m: _sent, ...rest } = draft.steps[step] ?? { s: 'failing' };
    draft.steps[step] = rest;
    read(draft, letter, { action, step, phase: m.p });
    return;
  }
}

function read(draft: Draft, letter: ReplyLetter, attempt: Attempt): void {
  const { step, phase } = attempt;
  let outcome: Outcome;
  try {
    outcome = toOutcome(letter, attempt);
  } catch (error) {
    // There is an answer, so there was an effect: what is not understood is taken for done, and undone.
    applyOutcome(draft, succeeded(step, phase, letter.reply?.data));
    const reason = `'refusal' of '${step}' failed: ${error instanceof Error ? error.message : String(error)}`;
    if (!draft.state.forward) turnRound(draft, { kind: 'fault', reason });
    return;
  }
  applyOutcome(draft, outcome);
}

function toOutcome({ reply }: ReplyLetter, { action, step, phase }: Attempt): Outcome {
  const { message, refusal } = action;
  const name = `${message.service}.${message.name}`;
  if (reply === undefined) return failed(step, phase, expired(name));
  const reason = refusal(reply.data);
  if (reason === undefined) return succeeded(step, phase, reply.data);
  return failed(step, phase, refused(name, reason, reply.data));
}

function refused(name: string, reason: string, details: unknown): ServiceError {
  return new ServiceError(`${name} was refused: ${reason}.`, {
    code: 'failed_precondition',
    reason,
    details,
    declared: true,
  });
}

function expired(name: string): ServiceError {
  return new ServiceError(`${name} expired before it was handled.`, {
    code: 'unavailable',
    reason: 'message_expired',
    notStarted: true,
  });
}

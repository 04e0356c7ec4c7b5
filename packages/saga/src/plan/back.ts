import type { StepNode } from '../definition/definition.ts';
import { type Draft, isSend } from './draft.ts';
import { backoffMs } from './outcome.ts';
import { compensationRetry } from './retries.ts';

/** Finds out what has happened, then offers to undo what is done, last first. */
export function goBack(draft: Draft): void {
  // A pivot that has happened after all takes the saga forward again.
  if (!settleAll(draft) || draft.status !== 'compensating') return;
  for (const name of draft.done.toReversed()) {
    const node = draft.nodes.get(name);
    const isOpen = draft.steps[name]?.s === 'done' || draft.steps[name]?.s === 'skipped';
    if (!isOpen || (node?.kind !== 'step' && node?.kind !== 'child') || node.undo === undefined) continue;
    draft.offer(node, 'undo', node.undo);
    return;
  }
  end(draft);
}

/** True if it is known of every step whether it took effect. */
function settleAll(draft: Draft): boolean {
  let isClear = true;
  for (const [name, record] of Object.entries(draft.steps)) {
    const node = draft.nodes.get(name);
    if (record.s === 'unsure' && node?.kind === 'step') isClear = settle(draft, node) && isClear;
    if (record.s === 'waiting' && record.child !== undefined && node?.kind === 'child') {
      isClear = false;
      if (!record.told) draft.offer(node, 'undo', { kind: 'cancelChild', child: record.child });
    }
  }
  return isClear;
}

/** Finds out whether a step took effect. True if nothing has to be done for it. */
function settle(draft: Draft, node: StepNode): boolean {
  const { action } = node;
  if (isSend(node)) {
    // The addressee answers in any case: with its reply, or by saying that the message expired.
    draft.waitingFor.push(node.name);
    return false;
  }
  if (action?.kind === 'call') {
    draft.offer(node, 'void', action);
    return false;
  }
  if (draft.context.inFlight.has(`${node.name}/do`)) return false;
  // Nobody can be asked, so what may have happened is undone.
  draft.finish(node.name, undefined);
  return true;
}

function end(draft: Draft): void {
  const { instance, context, state } = draft;
  const { round, restart } = state;
  if (!restart || round >= instance.definition.maxRestarts) {
    draft.status = 'compensated';
    return;
  }
  for (const name of Object.keys(draft.steps)) delete draft.steps[name];
  draft.done.length = 0;
  delete state.failure;
  delete state.restart;
  state.round = round + 1;
  state.at = context.nowMs + backoffMs(compensationRetry, round, context.random);
  draft.status = 'running';
}

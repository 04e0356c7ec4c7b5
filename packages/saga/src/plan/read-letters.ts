import { isEnded, type Letter } from '../state.ts';
import { applyReply } from './apply-reply.ts';
import type { Draft } from './draft.ts';
import { turnRound } from './turn.ts';

/** What others have told the saga. Signals stay until it waits for them. */
export function readLetters(draft: Draft): void {
  if (draft.status === 'stuck' || isEnded(draft.status)) return;
  for (const [index, letter] of draft.instance.mail.entries()) {
    if (letter.kind === 'signal' || letter.kind === 'read' || draft.read.has(index)) continue;
    draft.read.add(index);
    if (letter.kind === 'child') childEnded(draft, letter);
    else if (letter.kind === 'reply') applyReply(draft, letter);
    else if (draft.status === 'running' && !draft.state.forward) {
      turnRound(draft, { kind: 'cancelled', reason: letter.reason });
    }
  }
}

function childEnded(draft: Draft, { step, child, status }: Extract<Letter, { kind: 'child' }>): void {
  const node = draft.nodes.get(step);
  const record = draft.steps[step];
  if (node?.kind !== 'child' || record?.child !== child) return;
  if (status === 'completed') draft.finish(step, { sagaId: child });
  else if (draft.status === 'compensating') draft.steps[step] = { ...record, s: 'undone' };
  else if (node.onFailure === 'ignore') draft.steps[step] = { ...record, s: 'ignored' };
  else turnRound(draft, { step, kind: 'child', reason: `The child saga ${child} was compensated.` });
}

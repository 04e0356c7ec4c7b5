import type { BranchNode, Node, SleepNode, StepNode, WaitNode } from '../definition/definition.ts';
import { isReadable, readSignal } from '../definition/signal.ts';
import type { StepRecord } from '../state.ts';
import type { Draft } from './draft.ts';

/** Walks along what is done, and offers what comes next. */
export function goForward(draft: Draft): void {
  const { at } = draft.state;
  if (at !== undefined && at > draft.context.nowMs) {
    draft.wake(at);
    return;
  }
  for (const node of draft.instance.definition.nodes) {
    if (!visit(draft, node)) return;
    if (node.kind === 'step' && node.isPivot && !confirmAll(draft)) return;
  }
  if (confirmAll(draft)) draft.status = 'completed';
}

/** True if the saga may go on behind the last of them. */
export function walk(draft: Draft, nodes: readonly Node[]): boolean {
  return nodes.every((node) => visit(draft, node));
}

/** True if the saga may go on behind the node. */
function visit(draft: Draft, node: Node): boolean {
  if (draft.obstacle !== undefined) return false;
  const record = draft.steps[node.name];
  switch (node.kind) {
    case 'step':
      return visitStep(draft, node, record);
    case 'branch':
      return visitBranch(draft, node, record);
    case 'parallel': {
      let isDone = true;
      for (const path of Object.values(node.paths)) if (!walk(draft, path)) isDone = false;
      return isDone;
    }
    case 'wait':
      return visitWait(draft, node, record);
    case 'sleep':
      return visitSleep(draft, node, record);
    case 'child':
      if (isBehind(record)) return true;
      if (record?.s !== 'waiting') draft.offer(node, 'do', { kind: 'startChild', node });
      return false;
  }
}

function isBehind(record: StepRecord | undefined): boolean {
  return record?.s === 'done' || record?.s === 'ignored' || record?.s === 'skipped';
}

function visitStep(draft: Draft, node: StepNode, record: StepRecord | undefined): boolean {
  if (isBehind(record)) return true;
  if (node.action === undefined) {
    draft.finish(node.name, undefined);
    return true;
  }
  draft.offer(node, 'do', node.action);
  return false;
}

function visitBranch(draft: Draft, node: BranchNode, record: StepRecord | undefined): boolean {
  let path = record?.r;
  if (record === undefined) {
    path = ask(draft, node.name, () => node.choose(draft.view()));
    if (path === undefined) return false;
    if (!Object.hasOwn(node.paths, String(path))) {
      draft.obstacle = { step: node.name, kind: 'fault', reason: `There is no path '${String(path)}'.` };
      return false;
    }
    draft.steps[node.name] = { s: 'done', r: path };
  }
  return walk(draft, node.paths[String(path)] ?? []);
}

function visitWait(draft: Draft, node: WaitNode, record: StepRecord | undefined): boolean {
  if (record?.s === 'done' || record?.s === 'skipped') return true;
  const index = draft.instance.mail.findIndex(
    (letter, at) =>
      letter.kind === 'signal' &&
      letter.name === node.name &&
      !draft.read.has(at) &&
      // Whoever sends another one is told; a process that did not have this version could not tell.
      isReadable(node, letter.data),
  );
  const letter = draft.instance.mail[index];
  if (letter?.kind === 'signal') {
    draft.read.add(index);
    draft.finish(node.name, readSignal(node, letter.data));
    return true;
  }
  const { nowMs } = draft.context;
  let at = record?.at;
  if (record === undefined) {
    at = node.timeoutMs === undefined ? undefined : nowMs + node.timeoutMs;
    draft.steps[node.name] = { s: 'waiting', ...(at === undefined ? undefined : { at }) };
  }
  if (at !== undefined && at <= nowMs) {
    if (node.onTimeout === 'continue') {
      draft.finish(node.name, undefined);
      return true;
    }
    draft.obstacle = { step: node.name, kind: 'timeout' };
    return false;
  }
  draft.waitingFor.push(node.name);
  draft.wake(at);
  return false;
}

function visitSleep(draft: Draft, node: SleepNode, record: StepRecord | undefined): boolean {
  if (record?.s === 'done' || record?.s === 'skipped') return true;
  const { nowMs } = draft.context;
  let at = record?.at;
  if (at === undefined) {
    const ms = ask(draft, node.name, () => node.ms(draft.view()));
    if (ms === undefined) return false;
    at = nowMs + (Number.isFinite(ms) ? ms : 0);
    draft.steps[node.name] = { s: 'waiting', at };
  }
  if (at <= nowMs) {
    draft.finish(node.name, undefined);
    return true;
  }
  draft.wake(at);
  return false;
}

/** Confirms reservations one after the other. From the first on there is no way back. */
function confirmAll(draft: Draft): boolean {
  for (const name of draft.done) {
    const node = draft.nodes.get(name);
    const record = draft.steps[name];
    if (node?.kind !== 'step' || node.confirm === undefined || record?.s !== 'done' || record.c) continue;
    draft.state.forward = true;
    draft.offer(node, 'confirm', node.confirm);
    return false;
  }
  return true;
}

/** Asks a function of the definition; if it throws, the step fails. */
function ask<Answer>(draft: Draft, step: string, question: () => Answer): Answer | undefined {
  try {
    return question();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    draft.obstacle = { step, kind: 'fault', reason };
    return undefined;
  }
}

import type { Schema } from '@banyan/contract';
import type { Phase } from '../state.ts';
import type { Action } from './action.ts';

export const failurePolicies = ['compensate', 'retry', 'ignore', 'restart'] as const;
/**
 * What a step's failure means. `compensate`: everything done is undone, last first. `retry`: refusals are tried again too. `ignore`: noted, and the saga
 * goes on. `restart`: everything done is undone and the saga begins again.
 */
export type FailurePolicy = (typeof failurePolicies)[number];

/** How a step that could not be carried out is tried again. Back-off doubles, with jitter. */
export interface RetryPolicy {
  /** Default 100. */
  readonly firstMs: number;
  /** Default 30,000. */
  readonly maxMs: number;
  /** Attempts in all. Default: without end while the other side is unavailable, 5 for what may be a fault in the code. */
  readonly maxAttempts: number | undefined;
}

export interface StepNode {
  readonly kind: 'step';
  readonly name: string;
  /** Undefined for a step that only has something to undo. */
  readonly action: Action | undefined;
  readonly undo: Action | undefined;
  /** Of a tentative step. */
  readonly confirm: Action | undefined;
  /** How long a reservation holds. */
  readonly expiresInMs: number | undefined;
  readonly onFailure: FailurePolicy;
  readonly isPivot: boolean;
  readonly retry: RetryPolicy;
  /** Longest time of one attempt. */
  readonly timeoutMs: number | undefined;
}

export interface BranchNode {
  readonly kind: 'branch';
  readonly name: string;
  /** Pure; asked once, and its answer is kept. */
  readonly choose: (state: object) => string;
  readonly paths: Readonly<Record<string, readonly Node[]>>;
}

export interface ParallelNode {
  readonly kind: 'parallel';
  readonly name: string;
  readonly paths: Readonly<Record<string, readonly Node[]>>;
}

export interface WaitNode {
  readonly kind: 'wait';
  readonly name: string;
  readonly signal: Schema;
  readonly timeoutMs: number | undefined;
  readonly onTimeout: 'compensate' | 'continue';
}

export interface SleepNode {
  readonly kind: 'sleep';
  readonly name: string;
  /** How long, in milliseconds, from when the saga gets there. Pure. */
  readonly ms: (state: object) => number;
}

export interface ChildNode {
  readonly kind: 'child';
  readonly name: string;
  readonly saga: () => SagaDefinition;
  readonly with: (state: object) => unknown;
  readonly undo: Action | undefined;
  readonly onFailure: 'compensate' | 'ignore';
}

export type Node = StepNode | BranchNode | ParallelNode | WaitNode | SleepNode | ChildNode;

/** A saga with its types erased, as the engine runs it. */
export interface SagaDefinition {
  readonly kind: 'saga';
  readonly name: string;
  /** Part of every instance: it ends on the version it began with. */
  readonly version: number;
  readonly input: Schema;
  readonly nodes: readonly Node[];
  /** From the start; what has not passed the pivot by then is compensated. */
  readonly deadlineMs: number | undefined;
  /** How often a step with `onFailure: 'restart'` may begin the saga again. */
  readonly maxRestarts: number;
}

/** Every node, those within branches and parallel paths behind the node that holds them. */
export function* allNodes(nodes: readonly Node[]): Generator<Node> {
  for (const node of nodes) {
    yield node;
    if (node.kind === 'branch' || node.kind === 'parallel') {
      for (const path of Object.values(node.paths)) yield* allNodes(path);
    }
  }
}

/** What a step does in a phase. */
export function actionOf(node: Node | undefined, phase: Phase): Action | undefined {
  if (node?.kind === 'child') return phase === 'undo' ? node.undo : undefined;
  if (node?.kind !== 'step') return undefined;
  return phase === 'undo' ? node.undo : phase === 'confirm' ? node.confirm : node.action;
}

/** `createOrder@2` */
export function definitionId({ name, version }: Pick<SagaDefinition, 'name' | 'version'>): string {
  return `${name}@${version}`;
}

import type { Action } from '../definition/action.ts';
import type { ChildNode } from '../definition/definition.ts';
import type { Phase, SagaFailure } from '../state.ts';

/** Something to do now. */
export interface Work {
  /** `reserve/do`: unique among what a saga does at one time. */
  readonly key: string;
  readonly step: string;
  readonly phase: Phase;
  /** 1 for the first. */
  readonly attempt: number;
  readonly action:
    | Action
    | { readonly kind: 'startChild'; readonly node: ChildNode }
    | { readonly kind: 'cancelChild'; readonly child: string };
  /** What the action is given. */
  readonly state: object;
  /** Of a reservation, epoch milliseconds. */
  readonly expiresAtMs: number | undefined;
  readonly timeoutMs: number | undefined;
  /** Why the saga is being undone. */
  readonly failure: SagaFailure | undefined;
}

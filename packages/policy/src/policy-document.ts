/** Something about a call that a rule may look at. */
export type Reference = 'caller.service' | 'caller.user.id' | `input.${string}`;
export type Scalar = string | number | boolean;
/** A value as it stands, or what a reference yields. */
export type Operand = Scalar | { readonly value: Reference };

/**
 * Compares what a reference yields. What is missing, `null`, a list or an object yields nothing: nothing equals nothing, is in no list and is not at
 * least or at most anything, not even another nothing; `differs` is the opposite of `equals`, and so holds.
 */
export type Condition = { readonly value: Reference } & (
  | { readonly equals: Operand }
  | { readonly differs: Operand }
  | { readonly oneOf: readonly Scalar[] }
  | { readonly atLeast: number }
  | { readonly atMost: number }
  | { readonly present: boolean }
);

export const effects = ['permit', 'forbid'] as const;
export type Effect = (typeof effects)[number];

/** Applies to a call if everything that it names fits. */
export interface PolicyRule {
  /** kebab-case, unique in the document; what decisions name. */
  readonly id: string;
  readonly effect: Effect;
  /** `orders.cancelOrder`, or `orders.*` for all that the service has or will have. */
  readonly operations: readonly string[];
  /** Calling services, `gateway` for requests from outside. Default: every one that may call at all. */
  readonly services?: readonly string[];
  /** There is an end user who has all of these. Default: also calls without a user. */
  readonly scopes?: readonly string[];
  /** All must hold. For "or" write a second rule. */
  readonly when?: readonly Condition[];
  /** For whoever reads it. */
  readonly why?: string;
}

/**
 * All policies of a system. A call is allowed if no `forbid` rule applies to it, and, where its operation is covered, some `permit` rule does. What is not
 * covered stays as the contracts and `uses` have it.
 */
export interface PolicyDocument {
  /** Operations that are closed unless a rule permits: `orders.cancelOrder`, `orders.*`. */
  readonly covers: readonly string[];
  readonly rules: readonly PolicyRule[];
}

/** Where it is wrong, as `rules.3.when.0`, and what to do. */
export interface PolicyProblem {
  readonly at: string;
  readonly problem: string;
}

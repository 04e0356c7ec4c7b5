import type { Caller } from '@banyan/core';
import type { Condition, Operand, Reference, Scalar } from './policy-document.ts';

/** A call that somebody wants to make. */
export interface AccessRequest {
  /** `orders.cancelOrder`. */
  readonly operation: string;
  readonly caller: Caller;
  /** As the operation's schema has accepted it. */
  readonly input: unknown;
}

/** Total: every condition holds or does not, whatever the input is. */
export function holds(condition: Condition, request: AccessRequest): boolean {
  const actual = resolve(condition.value, request);
  if ('present' in condition) return condition.present === (actual !== undefined);
  if ('equals' in condition) return isEqual(actual, operandOf(condition.equals, request));
  if ('differs' in condition) return !isEqual(actual, operandOf(condition.differs, request));
  if ('oneOf' in condition) return condition.oneOf.some((each) => isEqual(actual, each));
  if (typeof actual !== 'number') return false;
  return 'atLeast' in condition ? actual >= condition.atLeast : actual <= condition.atMost;
}

/** The condition as a clause: `input.userId equals caller.user.id`. */
export function describeCondition({ value, ...comparison }: Condition): string {
  const [[operator, operand] = []] = Object.entries(comparison);
  const isValue = typeof operand === 'object' && operand !== null && 'value' in operand;
  return `${value} ${operator} ${isValue ? String(operand.value) : JSON.stringify(operand)}`;
}

/** Nothing equals nothing: a caller without a user owns no order without an owner. */
function isEqual(one: Scalar | undefined, other: Scalar | undefined): boolean {
  return one !== undefined && one === other;
}

function operandOf(operand: Operand, request: AccessRequest): Scalar | undefined {
  return typeof operand === 'object' ? resolve(operand.value, request) : operand;
}

function resolve(reference: Reference, { caller, input }: AccessRequest): Scalar | undefined {
  if (reference === 'caller.service') return caller.service;
  if (reference === 'caller.user.id') return caller.user?.id;
  let current: unknown = input;
  for (const name of reference.split('.').slice(1)) {
    // Own properties alone: `input.constructor.name` is nobody's field.
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) return undefined;
    current = (current as Record<string, unknown>)[name];
  }
  const isScalar = typeof current === 'string' || typeof current === 'boolean' || Number.isFinite(current);
  return isScalar ? (current as Scalar) : undefined;
}

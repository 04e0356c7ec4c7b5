import type { Condition, Operand, Reference, Scalar } from './policy-document.ts';
import type { Problems } from './problems.ts';

const operators = ['equals', 'differs', 'oneOf', 'atLeast', 'atMost', 'present'] as const;
const maxTextLength = 256;
const maxValues = 1_000;

export function parseCondition(value: unknown, at: string, problems: Problems): Condition | undefined {
  const fields = problems.object(value, at, ['value', ...operators]);
  if (fields === undefined) return undefined;
  const given = operators.filter((name) => Object.hasOwn(fields, name));
  const [operator] = given;
  const about = fields['value'];
  if (!isReference(about)) problems.add(`${at}.value`, referenceHelp);
  if (operator === undefined || given.length > 1) {
    problems.add(at, `compare in exactly one way: ${operators.join(', ')}`);
    return undefined;
  }
  const operand = fields[operator];
  const problem = operandProblem(operator, operand);
  if (problem !== undefined) problems.add(`${at}.${operator}`, problem);
  // What has a problem is never used.
  return { value: about, [operator]: operand } as Condition;
}

const referenceHelp =
  "use 'caller.service', 'caller.user.id' or a field of the input such as 'input.orderId'";

function operandProblem(operator: (typeof operators)[number], operand: unknown): string | undefined {
  switch (operator) {
    case 'equals':
    case 'differs':
      return isOperand(operand)
        ? undefined
        : `use a text, a number, true or false, or { "value": "…" }: ${referenceHelp}`;
    case 'oneOf': {
      const fits = Array.isArray(operand) && operand.length <= maxValues && operand.every(isScalar);
      return fits ? undefined : `use a list of at most ${maxValues} texts, numbers, true or false`;
    }
    case 'atLeast':
    case 'atMost':
      return Number.isFinite(operand) ? undefined : 'use a number';
    case 'present':
      return typeof operand === 'boolean' ? undefined : 'use true or false';
  }
}

export function isScalar(value: unknown): value is Scalar {
  if (typeof value === 'string') return value.length <= maxTextLength;
  return typeof value === 'boolean' || Number.isFinite(value);
}

function isReference(value: unknown): value is Reference {
  if (typeof value !== 'string' || value.length > maxTextLength) return false;
  return value === 'caller.service' || value === 'caller.user.id' || /^input(\.[^.]+){1,8}$/.test(value);
}

function isOperand(value: unknown): value is Operand {
  if (typeof value !== 'object' || value === null) return isScalar(value);
  return Object.keys(value).length === 1 && isReference((value as { value?: unknown }).value);
}

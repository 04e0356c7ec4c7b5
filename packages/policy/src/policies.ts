import type { Contract } from '@banyan/contract';
import { checkPolicies } from './check-policies.ts';
import { parsePolicies } from './parse-policies.ts';
import type { PolicyDocument, PolicyRule } from './policy-document.ts';

/** Names of operations of these contracts: `orders.cancelOrder`, `orders.*`. */
export type OperationNames<C extends Contract> = {
  [Name in C['name']]: `${Name}.${(keyof Extract<C, Contract<Name>>['operations'] & string) | '*'}`;
}[C['name']];

export interface TypedPolicies<C extends Contract> {
  readonly covers: readonly OperationNames<C>[];
  readonly rules: readonly (Omit<PolicyRule, 'operations'> & {
    readonly operations: readonly OperationNames<C>[];
  })[];
}

/**
 * A policy document that is written in code: operations are checked as it is typed, the rest when it is made.
 * @param contracts those that the document speaks of, and of callers that it names
 * @throws ServiceError `invalid_argument` `invalid_policies`
 */
export function policies<const C extends Contract>(
  contracts: readonly C[],
  document: TypedPolicies<NoInfer<C>>,
): PolicyDocument {
  const parsed = parsePolicies(document);
  checkPolicies(parsed, { contracts });
  return parsed;
}

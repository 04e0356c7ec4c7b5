export { checkPolicies, type PolicyScope } from './check-policies.ts';
export { type AccessRequest, describeCondition } from './condition.ts';
export { policyErrors } from './errors.ts';
export { parsePolicies } from './parse-policies.ts';
export { type OperationNames, policies, type TypedPolicies } from './policies.ts';
export {
  type Condition,
  type Effect,
  effects,
  type Operand,
  type PolicyDocument,
  type PolicyProblem,
  type PolicyRule,
  type Reference,
  type Scalar,
} from './policy-document.ts';
export {
  createPolicySet,
  type Decision,
  type Explanation,
  type PolicySet,
  type RuleFinding,
} from './policy-set.ts';

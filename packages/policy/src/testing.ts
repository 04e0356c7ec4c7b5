import assert from 'node:assert/strict';
import type { Caller } from '@banyan/core';
import type { PolicyDocument } from './policy-document.ts';
import { createPolicySet } from './policy-set.ts';

/** `givenPolicies(document).when('orders.cancelOrder', { user: ann, input }).thenDenied('frozen')`. */
export interface GivenPolicies {
  when(operation: string, call: TriedCall): Tried;
}

/** Default: `gateway`, without a user and without input. */
export interface TriedCall {
  readonly service?: string;
  readonly user?: { readonly id: string; readonly scopes?: readonly string[] };
  readonly input?: unknown;
}

/** Each throws an `AssertionError` that says what every rule had to say, and returns the policies for the next case. */
export interface Tried {
  /** @param rule the one that must have decided; left out: any, or none */
  thenAllowed(rule?: string): GivenPolicies;
  /** @param rule the one that must have decided; left out: any, or because none permits */
  thenDenied(rule?: string): GivenPolicies;
}

export function givenPolicies(document: PolicyDocument): GivenPolicies {
  const set = createPolicySet(document);
  const given: GivenPolicies = {
    when(operation, { service = 'gateway', user, input = {} }) {
      const caller: Caller =
        user === undefined ? { service } : { service, user: { id: user.id, scopes: user.scopes ?? [] } };
      const { decision, rules } = set.explain({ operation, caller, input });
      const then = (allowed: boolean, rule: string | undefined) => {
        const said = rules.map(({ rule: { id }, unless }) => `  ${id}: ${unless ?? 'applies'}`).join('\n');
        const found =
          rule === undefined
            ? { allowed: decision.allowed }
            : { allowed: decision.allowed, rule: decision.rule };
        const wanted = rule === undefined ? { allowed } : { allowed, rule };
        assert.deepEqual(found, wanted, `${operation}: ${decision.reason}\n${said}`);
        return given;
      };
      return {
        thenAllowed: (rule) => then(true, rule),
        thenDenied: (rule) => then(false, rule),
      };
    },
  };
  return given;
}

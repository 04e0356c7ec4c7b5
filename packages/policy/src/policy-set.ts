import { type AccessRequest, describeCondition, holds } from './condition.ts';
import type { PolicyDocument, PolicyRule } from './policy-document.ts';

/** What the policies say about one call. */
export interface Decision {
  readonly allowed: boolean;
  /** The rule that decided; undefined if none had to, or none permits. */
  readonly rule: string | undefined;
  /** In words: `denied by rule 'frozen'`. */
  readonly reason: string;
}

/** What one rule has to say about a call. */
export interface RuleFinding {
  readonly rule: PolicyRule;
  readonly applies: boolean;
  /** Why not, in words; undefined if it applies. */
  readonly unless: string | undefined;
}

export interface Explanation {
  readonly decision: Decision;
  readonly covered: boolean;
  /** Every rule that names the operation, in the order of the document. */
  readonly rules: readonly RuleFinding[];
}

/** The policies of a system, ready to decide. */
export interface PolicySet {
  readonly document: PolicyDocument;
  /** Pure; the time that it takes grows with the rules that name the operation, and with nothing else. */
  decide(request: AccessRequest): Decision;
  /** False if neither `covers` nor any rule names the operation, so that every call of it is allowed. */
  concerns(operation: string): boolean;
  /** As `decide`, with what each rule had to say. */
  explain(request: AccessRequest): Explanation;
}

/** @param document as `parsePolicies` has accepted it */
export function createPolicySet(document: PolicyDocument): PolicySet {
  return new IndexedPolicies(document);
}

interface OperationPolicies {
  readonly covered: boolean;
  readonly permits: readonly PolicyRule[];
  readonly forbids: readonly PolicyRule[];
}

const open: Decision = { allowed: true, rule: undefined, reason: 'no policy covers the operation' };
const closed: Decision = { allowed: false, rule: undefined, reason: 'denied: no rule permits it' };

class IndexedPolicies implements PolicySet {
  readonly document: PolicyDocument;
  /** Of operations that were asked for. Their names come from contracts, so there are not many. */
  readonly #known = new Map<string, OperationPolicies>();

  constructor(document: PolicyDocument) {
    this.document = document;
  }

  decide(request: AccessRequest): Decision {
    const { covered, permits, forbids } = this.#policiesOf(request.operation);
    const forbidding = forbids.find((rule) => whyNot(rule, request) === undefined);
    if (forbidding !== undefined)
      return { allowed: false, rule: forbidding.id, reason: `denied by rule '${forbidding.id}'` };
    if (!covered) return open;
    const permitting = permits.find((rule) => whyNot(rule, request) === undefined);
    if (permitting === undefined) return closed;
    return { allowed: true, rule: permitting.id, reason: `permitted by rule '${permitting.id}'` };
  }

  concerns(operation: string): boolean {
    const { covered, forbids } = this.#policiesOf(operation);
    return covered || forbids.length > 0;
  }

  explain(request: AccessRequest): Explanation {
    const { covered } = this.#policiesOf(request.operation);
    const rules = this.document.rules
      .filter(({ operations }) => names(operations, request.operation))
      .map((rule) => {
        const unless = whyNot(rule, request);
        return { rule, applies: unless === undefined, unless };
      });
    return { decision: this.decide(request), covered, rules };
  }

  #policiesOf(operation: string): OperationPolicies {
    const known = this.#known.get(operation);
    if (known !== undefined) return known;
    const { covers, rules } = this.document;
    const naming = rules.filter(({ operations }) => names(operations, operation));
    const found = {
      covered: names(covers, operation),
      permits: naming.filter(({ effect }) => effect === 'permit'),
      forbids: naming.filter(({ effect }) => effect === 'forbid'),
    };
    this.#known.set(operation, found);
    return found;
  }
}

/** True if the list has the operation, or all of its service. */
export function names(patterns: readonly string[], operation: string): boolean {
  return patterns.includes(operation) || patterns.includes(`${operation.split('.')[0]}.*`);
}

/** Why the rule does not apply; undefined if it does. */
function whyNot({ services, scopes, when }: PolicyRule, request: AccessRequest): string | undefined {
  const { service, user } = request.caller;
  if (services !== undefined && !services.includes(service))
    return `the caller is '${service}', not ${services.join(' or ')}`;
  if (scopes !== undefined) {
    if (user === undefined) return 'there is no end user';
    const missing = scopes.find((scope) => !user.scopes.includes(scope));
    if (missing !== undefined) return `the user lacks the scope '${missing}'`;
  }
  const failing = when?.find((condition) => !holds(condition, request));
  return failing === undefined ? undefined : `it does not hold that ${describeCondition(failing)}`;
}

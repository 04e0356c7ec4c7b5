import {
  type Contract,
  type JsonSchema,
  type ObjectFields,
  type Operation,
  objectFields,
  piecesOf,
  resolveReference,
  toJsonSchema,
} from '@banyan/contract';
import { invalidPolicies } from './parse-policies.ts';
import type { Condition, PolicyDocument, PolicyRule, Reference } from './policy-document.ts';
import { names } from './policy-set.ts';
import { Problems } from './problems.ts';

export interface PolicyScope {
  /** Of the services that the document may speak of. */
  readonly contracts: readonly Contract[];
  /** Who calls in this system, beside the services of `contracts`. Default: `gateway`. */
  readonly callers?: readonly string[];
  /** Names of services that are nobody's mistake although `contracts` lacks them: one service of many knows its own contract alone. */
  readonly allowsOthers?: boolean;
}

/**
 * Holds a document against contracts: operations, services and fields must be there, and fields be of the sort that they are compared with.
 * @throws ServiceError `invalid_argument` `invalid_policies` with every problem in `details`
 */
export function checkPolicies(document: PolicyDocument, scope: PolicyScope): void {
  const check = new PolicyCheck(document, scope);
  check.run();
  if (check.problems.list.length > 0) throw invalidPolicies(check.problems.list);
}

class PolicyCheck {
  readonly problems = new Problems();
  readonly #document: PolicyDocument;
  readonly #scope: PolicyScope;
  /** Several of one name if versions of it run side by side. */
  readonly #contracts: ReadonlyMap<string, readonly Contract[]>;

  constructor(document: PolicyDocument, scope: PolicyScope) {
    this.#document = document;
    this.#scope = scope;
    this.#contracts = Map.groupBy(scope.contracts, (contract) => contract.name);
  }

  run(): void {
    const { covers, rules } = this.#document;
    for (const [index, pattern] of covers.entries()) this.#operations(pattern, `covers.${index}`);
    for (const [index, rule] of rules.entries()) this.#rule(rule, `rules.${index} (${rule.id})`);
  }

  #rule(rule: PolicyRule, at: string): void {
    for (const [index, pattern] of rule.operations.entries()) {
      const place = `${at}.operations.${index}`;
      for (const operation of this.#operations(pattern, place)) {
        const name = `${operation.service}.${operation.name}`;
        // It would look as if the operation were closed to everybody else.
        if (rule.effect === 'permit' && !names(this.#document.covers, name))
          this.problems.add(place, `'${name}' is open to all who may call: add it to 'covers'`);
        for (const [which, condition] of (rule.when ?? []).entries())
          this.#condition(condition, operation, `${at}.when.${which}`);
      }
    }
    if (this.#scope.allowsOthers === true) return;
    const callers = [...this.#contracts.keys(), ...(this.#scope.callers ?? ['gateway'])];
    for (const [index, service] of (rule.services ?? []).entries()) {
      if (!callers.includes(service))
        this.problems.add(`${at}.services.${index}`, `there is no service '${service}'`);
    }
  }

  /** Those that a pattern names, of every version that has them. */
  #operations(pattern: string, at: string): readonly Operation[] {
    const [service = '', name = ''] = pattern.split('.');
    const versions = this.#contracts.get(service);
    if (versions === undefined) {
      if (this.#scope.allowsOthers !== true)
        this.problems.add(
          at,
          `there is no service '${service}'; there are ${[...this.#contracts.keys()].join(', ')}`,
        );
      return [];
    }
    const all = versions.flatMap(({ operations }) => Object.values(operations));
    if (name === '*') return all;
    const named = all.filter((operation) => operation.name === name);
    if (named.length > 0) return named;
    const known = new Set(all.map((operation) => operation.name));
    this.problems.add(at, `'${service}' has no operation '${name}'; it has ${[...known].join(', ')}`);
    return [];
  }

  #condition(condition: Condition, operation: Operation, at: string): void {
    const sorts = this.#sortsOf(condition.value, operation, at);
    if (sorts === undefined || sorts.size === 0) return;
    for (const wanted of this.#wantedSorts(condition, operation, at)) {
      if (!sorts.has(wanted))
        this.problems.add(at, `${condition.value} is a ${[...sorts].join(' or ')}, never a ${wanted}`);
    }
  }

  #wantedSorts(condition: Condition, operation: Operation, at: string): readonly string[] {
    if ('present' in condition) return [];
    if ('atLeast' in condition || 'atMost' in condition) return ['number'];
    if ('oneOf' in condition) return [...new Set(condition.oneOf.map((each) => typeof each))];
    const operand = 'equals' in condition ? condition.equals : condition.differs;
    if (typeof operand !== 'object') return [typeof operand];
    const sorts = this.#sortsOf(operand.value, operation, at) ?? new Set();
    return sorts.size === 1 ? [...sorts] : [];
  }

  /** What a reference can yield: `string`, `number`, `boolean`; empty if the schema does not say, undefined if there is no such field. */
  #sortsOf(reference: Reference, operation: Operation, at: string): ReadonlySet<string> | undefined {
    if (!reference.startsWith('input.')) return new Set(['string']);
    const root = toJsonSchema(operation.input, 'output');
    let schemas: readonly JsonSchema[] = [root];
    for (const name of reference.split('.').slice(1)) {
      const holders = schemas
        .map((schema) => objectFields(schema, root))
        .filter((each) => each !== undefined);
      const next = holders.flatMap(({ fields }) => fields.get(name)?.schemas ?? []);
      if (next.length === 0) {
        if (holders.some(({ open }) => open)) return new Set();
        this.problems.add(at, noField(reference, operation, holders));
        return undefined;
      }
      schemas = next;
    }
    const sorts = new Set(schemas.flatMap((schema) => scalarSorts(schema, root)));
    if (sorts.size > 0 || schemas.some((schema) => resolveReference(schema, root).type === undefined))
      return sorts;
    this.problems.add(at, `${reference} of ${operation.service}.${operation.name} is a list or an object`);
    return undefined;
  }
}

function noField(reference: Reference, operation: Operation, holders: readonly ObjectFields[]): string {
  const known = holders.flatMap(({ fields }) => [...fields.keys()]).join(', ') || 'none';
  return `${operation.service}.${operation.name} has no ${reference}; there are ${known}`;
}

function scalarSorts(schema: JsonSchema, root: JsonSchema): readonly string[] {
  return piecesOf(schema, root).flatMap((piece) => {
    const values = 'const' in piece ? [piece.const] : Array.isArray(piece.enum) ? piece.enum : [];
    if (piece.type === undefined) return values.map((value) => typeof value);
    return [piece.type].flat().flatMap((type) => sortOf[String(type)] ?? []);
  });
}

const sortOf: Readonly<Record<string, readonly string[]>> = {
  string: ['string'],
  number: ['number'],
  integer: ['number'],
  boolean: ['boolean'],
};

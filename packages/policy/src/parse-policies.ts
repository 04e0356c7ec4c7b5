import { ServiceError } from '@banyan/core';
import { parseCondition } from './parse-condition.ts';
import { effects, type PolicyDocument, type PolicyProblem, type PolicyRule } from './policy-document.ts';
import { Problems } from './problems.ts';

/** Bounds that keep a decision short, whoever writes the document. */
const most = { rules: 1_000, names: 200, conditions: 20 };
const operationPattern = /^[a-z][a-z0-9-]*\.(\*|[A-Za-z][A-Za-z0-9]*)$/;
const rulePattern = /^[a-z][a-z0-9-]{0,63}$/;
const servicePattern = /^[a-z][a-z0-9-]*$/;
// RFC 6749, 3.3: the characters of a scope token.
const scopePattern = /^[\x21\x23-\x5B\x5D-\x7E]{1,128}$/;

/** @throws ServiceError `invalid_argument` `invalid_policies` with every problem in `details` */
export function parsePolicies(value: unknown): PolicyDocument {
  const problems = new Problems();
  const document = parse(value, problems);
  if (problems.list.length > 0 || document === undefined) throw invalidPolicies(problems.list);
  return document;
}

export function invalidPolicies(problems: readonly PolicyProblem[]): ServiceError {
  const lines = problems.map(({ at, problem }) => `  - ${at}: ${problem}`);
  return new ServiceError(`These policies are refused:\n${lines.join('\n')}`, {
    code: 'invalid_argument',
    reason: 'invalid_policies',
    details: problems,
  });
}

function parse(value: unknown, problems: Problems): PolicyDocument | undefined {
  const fields = problems.object(value, 'the document', ['covers', 'rules']);
  if (fields === undefined) return undefined;
  const covers = problems.texts(fields['covers'], 'covers', {
    most: most.names,
    pattern: operationPattern,
    sort: "operations such as 'orders.cancelOrder' or 'orders.*'",
  });
  const rules = problems
    .items(fields['rules'], 'rules', most.rules)
    .map((rule, index) => parseRule(rule, `rules.${index}`, problems));
  const ids = rules.map((rule) => rule?.id);
  for (const [index, id] of ids.entries()) {
    const first = ids.indexOf(id);
    if (id !== undefined && first !== index)
      problems.add(`rules.${index}.id`, `rule ${first} has the name '${id}' already`);
  }
  return { covers, rules: rules.filter((rule) => rule !== undefined) };
}

const ruleFields = ['id', 'effect', 'operations', 'services', 'scopes', 'when', 'why'];

function parseRule(value: unknown, at: string, problems: Problems): PolicyRule | undefined {
  const fields = problems.object(value, at, ruleFields);
  if (fields === undefined) return undefined;
  const { id, effect: given, operations, services, scopes, when, why } = fields;
  if (typeof id !== 'string' || !rulePattern.test(id))
    problems.add(`${at}.id`, 'give it a name of small letters, digits and dashes, at most 64');
  const effect = effects.find((each) => each === given);
  if (effect === undefined) problems.add(`${at}.effect`, `use one of ${effects.join(', ')}`);
  if (why !== undefined && (typeof why !== 'string' || why.length > 500))
    problems.add(`${at}.why`, 'use a text of at most 500 characters');
  const names = (list: unknown, name: string, pattern: RegExp, sort: string) =>
    problems.texts(list, `${at}.${name}`, { most: most.names, pattern, sort, atLeastOne: true });
  return {
    id: String(id),
    effect: effect ?? 'forbid',
    operations: names(operations, 'operations', operationPattern, 'operations such as orders.cancelOrder'),
    ...(services === undefined
      ? undefined
      : { services: names(services, 'services', servicePattern, 'names of services') }),
    ...(scopes === undefined ? undefined : { scopes: names(scopes, 'scopes', scopePattern, 'scopes') }),
    ...(when === undefined
      ? undefined
      : {
          when: problems
            .items(when, `${at}.when`, most.conditions)
            .map((each, index) => parseCondition(each, `${at}.when.${index}`, problems))
            .filter((condition) => condition !== undefined),
        }),
    ...(why === undefined ? undefined : { why: String(why) }),
  };
}

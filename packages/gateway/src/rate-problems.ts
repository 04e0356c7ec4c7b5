import { toJsonSchema } from '@banyan/contract';
import type { ExposedRoute } from './exposure.ts';
import { inputOf, type RateLimit, rateLimitProblem } from './rate-limit.ts';

/** What is wrong with the rate limits of a gateway, with the fix. */
export function rateProblems(routes: readonly ExposedRoute[], shared: readonly RateLimit[]): string[] {
  const problem = shared.map(rateLimitProblem).find((each) => each !== undefined);
  if (problem !== undefined) return [`'rates' ${problem}`];
  const problems = sharedNames([...shared, ...routes.flatMap((route) => route.policy.rates ?? [])]);
  for (const limit of shared) {
    if (inputOf(limit) !== undefined)
      problems.push(
        `'${limit.name}' counts by a field of the input; give it to the operations that have it.`,
      );
  }
  for (const route of routes) {
    for (const limit of [...shared, ...(route.policy.rates ?? [])]) problems.push(...onRoute(route, limit));
  }
  return problems;
}

function sharedNames(limits: readonly RateLimit[]): string[] {
  const byName = new Map<string, RateLimit>();
  const problems: string[] = [];
  for (const limit of limits) {
    const other = byName.get(limit.name);
    if (other !== undefined && other !== limit)
      problems.push(`two rate limits are named '${limit.name}'; rename one.`);
    byName.set(limit.name, limit);
  }
  return problems;
}

function onRoute({ contract, operation, policy }: ExposedRoute, limit: RateLimit): string[] {
  const name = `${contract.name}.${operation.name}`;
  const problems: string[] = [];
  const { cost = 1 } = policy;
  const burst = limit.burst ?? limit.quota;
  if (cost > burst)
    problems.push(`'${name}' costs ${cost}, but '${limit.name}' gives ${burst} at once; raise its burst.`);
  if (policy.access === 'anyone' && limit.per.includes('user'))
    problems.push(`'${name}' is open to anyone, but '${limit.name}' counts by user; count by 'address'.`);
  const field = inputOf(limit);
  if (field !== undefined && !hasField(operation.input, field))
    problems.push(`'${limit.name}' counts by '${field}', which is no field of the input of '${name}'.`);
  return problems;
}

function hasField(schema: ExposedRoute['operation']['input'], field: string): boolean {
  const { properties } = toJsonSchema(schema, 'input') as { readonly properties?: object };
  return properties !== undefined && Object.hasOwn(properties, field);
}

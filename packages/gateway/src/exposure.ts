import type { EdgeRoute } from '@banyan/chassis';
import type { Contract, Operation } from '@banyan/contract';
import { accessText, type Policy, policyProblem, type RoutePolicy, toRoutePolicy } from './policy.ts';
import { shapeOf, versionName } from './versions/names.ts';

/** Some operations of one contract, each with who may use it. */
export interface Exposure {
  readonly contract: Contract;
  readonly policies: Readonly<Record<string, Policy>>;
}

/** A policy for each operation that is to be reached; the others are not. */
export type Policies<C extends Contract> = {
  readonly [Name in keyof C['operations'] & string]?: Policy;
};

/**
 * Names the operations of `contract` that the world may call. An operation that is not named stays unreachable from outside.
 * @throws TypeError, with the fix in the text, if the contract has no such operation or the policy is none
 */
export function expose<C extends Contract>(contract: C, policies: Policies<NoInfer<C>>): Exposure {
  const entries = Object.entries<Policy | undefined>(policies).filter(([, policy]) => policy !== undefined);
  const problems: string[] = [];
  for (const [name, policy] of entries) {
    if (!Object.hasOwn(contract.operations, name)) {
      const known = Object.keys(contract.operations).join(', ');
      problems.push(`the contract has no operation '${name}'; it has ${known === '' ? 'none' : known}.`);
      continue;
    }
    const problem = policyProblem(policy);
    if (problem !== undefined) problems.push(`'${name}' ${problem}`);
  }
  if (problems.length > 0) throw new TypeError(listed(`expose('${contract.name}')`, problems));
  return { contract, policies: Object.fromEntries(entries) as Record<string, Policy> };
}

/** An exposed operation. */
export interface ExposedRoute {
  readonly contract: Contract;
  readonly operation: Operation;
  readonly policy: RoutePolicy;
}

export function exposedRoutes(exposures: readonly Exposure[]): readonly ExposedRoute[] {
  return exposures.flatMap(({ contract, policies }) =>
    Object.entries(policies).flatMap(([name, policy]) => {
      const operation = contract.operations[name];
      return operation === undefined ? [] : [{ contract, operation, policy: toRoutePolicy(policy) }];
    }),
  );
}

/** @param forwarding path of the one that the operation can take over from */
export function toEdgeRoute(
  { contract, operation, policy }: ExposedRoute,
  forwarding: string | undefined,
): EdgeRoute {
  return {
    method: operation.method,
    path: operation.path,
    service: contract.name,
    operation: operation.name,
    version: contract.version,
    policy: accessText(policy.access),
    ...(forwarding === undefined ? undefined : { forwarding }),
  };
}

/** Paths that the gateway answers itself, in every system. */
export const platformPaths = ['/health/live', '/health/ready', '/openapi.json', '/docs'] as const;

export function routeProblems(routes: readonly ExposedRoute[]): string[] {
  const problems: string[] = [];
  const taken = new Map<string, ExposedRoute[]>();
  for (const route of routes) {
    const { contract, operation } = route;
    const name = `${contract.name}.${operation.name}`;
    const shape = shapeOf(operation);
    const others = taken.get(shape) ?? [];
    taken.set(shape, [...others, route]);
    // Versions of one service share their paths.
    const other = others.find(
      (each) => each.contract.name !== contract.name || each.contract.version === contract.version,
    );
    const otherName = other && `${other.contract.name}.${other.operation.name}`;
    if (otherName === name) problems.push(`'${name}' is exposed twice; remove one.`);
    else if (otherName !== undefined) {
      problems.push(
        `'${name}' and '${otherName}' both want ${operation.method} ${operation.path}; change one path.`,
      );
    }
    if (Object.values(operation.headers).includes(versionName))
      problems.push(`'${name}' takes input from the header '${versionName}', which is the gateway's.`);
    if (/^\/(health|docs|openapi\.json)(\/|$)/.test(operation.path)) {
      problems.push(
        `'${name}' wants ${operation.path}, which belongs to the platform (/health, /docs, /openapi.json); change its path.`,
      );
    }
  }
  return problems;
}

export function listed(title: string, problems: readonly string[]): string {
  return `${title}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`;
}

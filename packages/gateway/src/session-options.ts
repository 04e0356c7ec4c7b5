import type { Contract } from '@banyan/contract';
import type { ExposedRoute } from './exposure.ts';

/** Operations that the session cookie goes with. Outside it is a reference, inside an access token. */
export interface SessionOptions {
  /** Answers `{ token }` for `{ session }`, and refuses what is over. Need not be exposed. */
  readonly exchange: OperationRef;
  /** Exposed operations whose output may have a field `session`: the reference, which goes into a cookie instead of the body. */
  readonly opens: readonly OperationRef[];
  /** Exposed operations that end sessions: the cookie is taken back. */
  readonly ends: readonly OperationRef[];
}

export type OperationRef = readonly [contract: Contract, operation: string];

/** What is wrong with the operations of the session cookie, with the fix. */
export function sessionProblems(
  session: SessionOptions | undefined,
  routes: readonly ExposedRoute[],
): readonly string[] {
  if (session === undefined) return [];
  const problems: string[] = [];
  const [contract, exchange] = session.exchange;
  if (!Object.hasOwn(contract.operations, exchange)) {
    problems.push(
      `'userTokens.session.exchange' names '${exchange}', which '${contract.name}' does not have.`,
    );
  }
  for (const route of routes) {
    // A kept answer would hand one client's session to another.
    if (route.policy.cache === undefined || sessionRoleOf(session, route) === undefined) continue;
    problems.push(
      `'${route.contract.name}.${route.operation.name}' opens or ends sessions, so its answers cannot be cached.`,
    );
  }
  for (const role of ['opens', 'ends'] as const) {
    for (const reference of session[role]) {
      if (routes.some((route) => isRoute(route, reference))) continue;
      problems.push(
        `'userTokens.session.${role}' names '${reference[0].name}.${reference[1]}', which is not exposed; expose it.`,
      );
    }
  }
  return problems;
}

/** What an exposed operation does with the session cookie. */
export type SessionRole = 'opens' | 'ends' | undefined;

export function sessionRoleOf(session: SessionOptions | undefined, route: ExposedRoute): SessionRole {
  if (session?.opens.some((reference) => isRoute(route, reference))) return 'opens';
  return session?.ends.some((reference) => isRoute(route, reference)) ? 'ends' : undefined;
}

function isRoute({ contract, operation }: ExposedRoute, [wanted, name]: OperationRef): boolean {
  return contract.name === wanted.name && operation.name === name;
}

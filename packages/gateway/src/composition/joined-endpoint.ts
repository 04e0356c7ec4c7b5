import { type Contract, inputValidator } from '@banyan/contract';
import type { Clock, Logger } from '@banyan/core';
import type { Endpoint } from '@banyan/rpc';
import type { AskingRequest } from '../asking-request.ts';
import type { ExposedRoute } from '../exposure.ts';
import { type Join, joinOf } from './joined-operation.ts';
import type { PartCall } from './part-call.ts';

export interface JoinedEndpointOptions {
  readonly join: Join;
  readonly route: ExposedRoute;
  readonly parts: Readonly<Record<string, PartCall>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Answers one joined operation for one request. */
export function createJoinedEndpoint(options: JoinedEndpointOptions): (asking: AskingRequest) => Endpoint {
  const { join, route, parts, clock, logger } = options;
  const validator = inputValidator(route.operation);
  const contract: Contract = route.contract;
  return (asking) => ({
    contract,
    call: (_operation, input, context) => {
      const traceId = asking.trace.traceId;
      return join.answer(validator.parse(input), {
        ask(part, partInput, ask = {}) {
          const call = Object.hasOwn(parts, part) ? parts[part] : undefined;
          if (call === undefined) throw new TypeError(`'${route.operation.name}' has no part '${part}'.`);
          return call.run(partInput, { asking, context }, { signal: context.signal, ...ask });
        },
        deadlineMs: context.deadlineMs,
        nowMs: () => clock.nowMs(),
        report: (part, error) => logger.warn('a part of an answer is missing', { part, traceId, error }),
      });
    },
  });
}

/** What is wrong with joined operations beside their declaration, with the fix. */
export function joinProblems(routes: readonly ExposedRoute[]): string[] {
  const problems: string[] = [];
  for (const { contract, operation, policy } of routes) {
    const join = joinOf(operation);
    if (join === undefined) continue;
    const name = `${contract.name}.${operation.name}`;
    if (policy.cache !== undefined)
      problems.push(
        `'${name}' cannot be cached, since it may lack parts; put 'cache' into the policies of its parts.`,
      );
    for (const [part, { contract: asked, operation: partName, access, isMandatory }] of Object.entries(
      join.parts,
    )) {
      const exposed = exposedRoute(asked, partName, routes);
      const of = `part '${part}' of '${name}'`;
      if (exposed === undefined && access === undefined)
        problems.push(
          `${of} is not exposed; expose '${asked.name}.${partName}' of version ${asked.version}, or say its 'access' in the part.`,
        );
      if (exposed !== undefined && access !== undefined)
        problems.push(`${of} is exposed, so its own policy holds; remove 'access' from the part.`);
      const needed = exposed?.policy.access ?? access;
      if (isMandatory && policy.access === 'anyone' && needed !== undefined && needed !== 'anyone')
        problems.push(`${of} is for signed-in users, so '${name}' cannot be for anyone.`);
    }
  }
  return problems;
}

/** The route of a part: its own, or one that is only here. */
export function partRoute(
  { contract, operation, access }: Join['parts'][string],
  routes: readonly ExposedRoute[],
): ExposedRoute | undefined {
  const exposed = exposedRoute(contract, operation, routes);
  const asked = contract.operations[operation];
  if (exposed !== undefined || asked === undefined || access === undefined) return exposed;
  return { contract, operation: asked, policy: { access } };
}

/** Of this very version: another one has a policy, a schema and instances of its own. */
function exposedRoute(
  { name, version }: Contract,
  operation: string,
  routes: readonly ExposedRoute[],
): ExposedRoute | undefined {
  return routes.find(
    (route) =>
      route.contract.name === name &&
      route.contract.version === version &&
      route.operation.name === operation,
  );
}

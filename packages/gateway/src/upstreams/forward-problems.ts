import { type ExposedRoute, platformPaths } from '../exposure.ts';
import type { RateLimit } from '../rate-limit.ts';
import { inputOf } from '../rate-limit.ts';
import type { Forwarding } from './forwarding.ts';

export interface ForwardFacts {
  readonly routes: readonly ExposedRoute[];
  readonly signsIn: boolean;
  readonly rates: readonly RateLimit[];
  readonly hasSite: boolean;
}

/** What is wrong with the forwardings of a gateway among themselves and beside the rest, with the fix. */
export function forwardProblems(forwardings: readonly Forwarding[], facts: ForwardFacts): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const { path, prefix, options } of forwardings) {
    if (seen.has(prefix)) problems.push(`'${path}' is forwarded twice; remove one.`);
    seen.add(prefix);
    if (platformPaths.some((each) => prefix === each || prefix.startsWith('/health')))
      problems.push(`'${path}' belongs to the platform (/health, /docs, /openapi.json); change the path.`);
    if (prefix === '/' && facts.hasSite)
      problems.push(`'${path}' would hide the site; forward a longer path, or remove 'site'.`);
    if (options.access !== 'anyone' && !facts.signsIn)
      problems.push(`'${path}' wants a signed-in user; add 'userTokens' with issuer, audience and keys.`);
    if ((options.moved !== undefined || options.compare !== undefined) && !hasOperation(prefix, facts.routes))
      problems.push(`'${path}' moves or compares, but no exposed operation has a path that begins so.`);
    for (const limit of [...facts.rates, ...(options.rates ?? [])]) {
      if (inputOf(limit) !== undefined)
        problems.push(`'${limit.name}' counts by a field of the input, which '${path}' has not.`);
      if (options.access === 'anyone' && limit.per.includes('user'))
        problems.push(`'${path}' is open to anyone, but '${limit.name}' counts by user; count by 'address'.`);
    }
  }
  return problems;
}

function hasOperation(prefix: string, routes: readonly ExposedRoute[]): boolean {
  return routes.some(({ operation }) => `${operation.path}/`.startsWith(prefix));
}

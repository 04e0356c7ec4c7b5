import { compareVersions } from '@banyan/discovery';
import type { ExposedRoute } from '../exposure.ts';
import { shapeOf } from './names.ts';
import type { Traffic } from './traffic.ts';

/** One version of a service, as far as it is exposed. */
export interface ExposedVersion {
  /** Of the contract. */
  readonly version: string;
  /** The shortest text that means this version and no other one: `2`, `2.1` or `2.1.0`. Also its path: `/v2`. */
  readonly short: string;
}

/** The versions of each service, lowest first: that one answers whoever asks for none, unless a rule says otherwise. */
export function exposedVersions(
  routes: readonly ExposedRoute[],
): ReadonlyMap<string, readonly ExposedVersion[]> {
  const byService = Map.groupBy(routes, ({ contract }) => contract.name);
  return new Map(
    [...byService].map(([service, exposed]) => {
      const versions = [...new Set(exposed.map(({ contract }) => contract.version))].sort(compareVersions);
      return [service, versions.map((version) => ({ version, short: shortestOf(version, versions) }))];
    }),
  );
}

/** The routes of one service that share a method and the shape of their path: versions of one thing. */
export interface VersionedRoutes {
  readonly service: string;
  /** Lowest version first. */
  readonly routes: readonly [ExposedRoute, ...ExposedRoute[]];
}

export function groupVersions(routes: readonly ExposedRoute[]): readonly VersionedRoutes[] {
  const groups = Map.groupBy(routes, ({ contract, operation }) => `${contract.name} ${shapeOf(operation)}`);
  return [...groups.values()].flatMap((group) => {
    const [first, ...rest] = group.sort((left, right) =>
      compareVersions(left.contract.version, right.contract.version),
    );
    return first === undefined ? [] : [{ service: first.contract.name, routes: [first, ...rest] }];
  });
}

/**
 * The routes that are switched on, as documents show them, where each needs a path and a name of its own: the lowest version of a service as it is, the
 * others below `/v2`.
 */
export function documentedRoutes(
  routes: readonly ExposedRoute[],
  traffic: Pick<Traffic, 'isOn'>,
): readonly ExposedRoute[] {
  const versions = exposedVersions(routes);
  const served = routes.filter((route) => traffic.isOn(route));
  return served.map((route) => {
    const { contract, operation } = route;
    const [lowest, ...others] = versions.get(contract.name) ?? [];
    const own = others.find(({ version }) => version === contract.version);
    if (lowest === undefined || own === undefined) return route;
    const name = `${operation.name}V${own.short.replaceAll(/\W/g, '_')}`;
    return { ...route, operation: { ...operation, name, path: `/v${own.short}${operation.path}` } };
  });
}

function shortestOf(version: string, versions: readonly string[]): string {
  const parts = version.split('.');
  for (const length of [1, 2]) {
    const short = parts.slice(0, length).join('.');
    if (versions.filter((other) => `${other}.`.startsWith(`${short}.`)).length === 1) return short;
  }
  return version;
}

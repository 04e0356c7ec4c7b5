import {
  asksForUser,
  chooseDestination,
  type Destination,
  fitsVersion,
  majorOf,
  type ServiceTraffic,
  type TrafficFacts,
} from '@banyan/discovery';
import { routeError } from '@banyan/rpc';
import type { Exchange } from '../exchange.ts';
import type { ExposedRoute } from '../exposure.ts';
import type { UserAuthentication } from '../user-authentication.ts';
import { takeAskedVersion, unknownVersion } from './asked-version.ts';
import { cookieOf } from './cookie-of.ts';
import type { ExposedVersion, VersionedRoutes } from './exposed-versions.ts';
import type { Traffic } from './traffic.ts';

export interface VersionChoiceOptions {
  /** Every exposed version of the service, lowest first. */
  readonly versions: readonly ExposedVersion[];
  readonly traffic: Traffic;
  readonly authentication: UserAuthentication;
  /** From 0 up to but not including 1. */
  readonly random: () => number;
}

export type PathParams = Readonly<Record<string, string>>;

/** Where a request goes. */
export interface Way {
  readonly route: ExposedRoute;
  readonly exposed: ExposedVersion;
  readonly to: Destination;
}

/** Which version answers a request: the one that it asks for, or else the one that the rules in force choose. */
export interface VersionChoice {
  /** False while the operation is switched off in every version. */
  readonly isOn: boolean;
  /**
   * Takes the version that is asked for out of the query, which is the service's.
   * @throws ServiceError `not_found` `route_not_found` while it is off, `unknown_version`; `invalid_argument` `version_conflict`
   */
  choose(exchange: Exchange): Way | Promise<Way>;
  /** Each version has names of its own for what is in the path. @param params by the names of the lowest version */
  paramsFor(route: ExposedRoute, params: PathParams): PathParams;
}

export function createVersionChoice(
  versioned: VersionedRoutes,
  options: VersionChoiceOptions,
): VersionChoice {
  return new Choice(versioned, options);
}

/** What a request that asks for no version goes to before its route is known. */
type Direction = Omit<Way, 'route'>;

class Choice implements VersionChoice {
  readonly #service: string;
  readonly #routes: ReadonlyMap<string, ExposedRoute>;
  readonly #first: ExposedRoute;
  readonly #options: VersionChoiceOptions;
  readonly #default: Direction | undefined;

  constructor({ service, routes }: VersionedRoutes, options: VersionChoiceOptions) {
    const [first] = routes;
    this.#service = service;
    this.#first = first;
    this.#routes = new Map(routes.map((route) => [route.contract.version, route]));
    this.#options = options;
    const [lowest] = options.versions;
    this.#default = lowest && { exposed: lowest, to: { version: lowest.short } };
  }

  get isOn(): boolean {
    for (const route of this.#routes.values()) if (this.#options.traffic.isOn(route)) return true;
    return false;
  }

  choose(exchange: Exchange): Way | Promise<Way> {
    const { traffic, versions } = this.#options;
    // Like one that is not exposed: it does not even say in which versions it could be.
    if (!this.isOn) throw routeError({ kind: 'none' });
    const asked = takeAskedVersion(exchange);
    if (asked !== undefined) {
      const fitting = versions.filter(({ version }) => fitsVersion(version, asked));
      const exposed = fitting.findLast(({ version }) => this.#routeIn(version)) ?? fitting.at(-1);
      if (exposed === undefined) throw this.#unknown(asked);
      return this.#wayTo({ exposed, to: { version: exposed.short } });
    }
    const rule = traffic.ruleOf(this.#service);
    if (rule === undefined) return this.#wayTo(this.#default);
    if (!asksForUser(rule)) return this.#wayTo(this.#follow(rule, factsOf(exchange, undefined)));
    return this.#userOf(exchange).then((user) => this.#wayTo(this.#follow(rule, factsOf(exchange, user))));
  }

  paramsFor({ operation }: ExposedRoute, params: PathParams): PathParams {
    const before = this.#first.operation.pathNames;
    if (operation.pathNames.every((name, index) => name === before[index])) return params;
    return Object.fromEntries(
      operation.pathNames.map((name, index) => [name, params[before[index] ?? ''] ?? '']),
    );
  }

  #wayTo(direction: Direction | undefined): Way {
    const route = direction && this.#routeIn(direction.exposed.version);
    if (direction === undefined || route === undefined)
      throw this.#unknown(direction?.exposed.version ?? 'none');
    return { ...direction, route };
  }

  /** Undefined if the version lacks the operation, or it is switched off there. */
  #routeIn(version: string): ExposedRoute | undefined {
    const route = this.#routes.get(version);
    return route !== undefined && this.#options.traffic.isOn(route) ? route : undefined;
  }

  #follow(rule: ServiceTraffic, facts: TrafficFacts): Direction | undefined {
    const to = chooseDestination(this.#withoutMissing(rule), facts, this.#options.random);
    if (to === undefined) return this.#default;
    const exposed = this.#exposedFor(to);
    if (exposed === undefined) return this.#default;
    // A label alone is one of the version that would answer otherwise.
    const { version = exposed.short } = to;
    return { exposed, to: { ...to, version: fitsVersion(exposed.short, version) ? exposed.short : version } };
  }

  /** By chance only to versions that have the operation: a share of its requests must not fail. */
  #withoutMissing(rule: ServiceTraffic): ServiceTraffic {
    const { versions } = this.#options;
    if (rule.weights === undefined || versions.every(({ version }) => this.#routeIn(version))) return rule;
    const weights = rule.weights.filter((to) => this.#routeIn(this.#exposedFor(to)?.version ?? ''));
    return weights.some(({ weight }) => weight > 0) ? { ...rule, weights } : rule;
  }

  /** The exposed version that a rule means: the version itself, or the newest one that it is compatible with. */
  #exposedFor({ version: wanted }: Destination): ExposedVersion | undefined {
    if (wanted === undefined) return this.#default?.exposed;
    const { versions } = this.#options;
    return (
      versions.findLast(({ version }) => fitsVersion(version, wanted)) ??
      versions.findLast(({ version }) => majorOf(version) === majorOf(wanted))
    );
  }

  /** For the choice alone: whether the user may use the route is decided where it is answered. */
  async #userOf(exchange: Exchange): Promise<string | undefined> {
    try {
      return (await this.#options.authentication.authenticate(exchange.request, 'user', exchange.trace)).user
        ?.id;
    } catch {
      return undefined;
    }
  }

  #unknown(asked: string): Error {
    const versions = [...this.#routes.keys()].filter((version) => this.#routeIn(version));
    return unknownVersion(
      `'${this.#first.operation.method} ${this.#first.operation.path}' is not in version ${asked} of '${this.#service}'; it is in ${versions.join(', ')}.`,
      versions,
    );
  }
}

function factsOf(exchange: Exchange, user: string | undefined): TrafficFacts {
  const { headers } = exchange.request;
  return {
    header(name) {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    cookie: (name) => cookieOf(headers.cookie, name),
    user,
    stickyKey: user ?? exchange.client,
  };
}

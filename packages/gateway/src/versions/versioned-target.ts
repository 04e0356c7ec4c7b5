import {
  asksForUser,
  chooseDestination,
  type Destination,
  destinationText,
  fitsVersion,
  majorOf,
  type ServiceTraffic,
  type TrafficFacts,
} from '@banyan/discovery';
import { routeError } from '@banyan/rpc';
import type { Exchange } from '../exchange.ts';
import type { ExposedRoute } from '../exposure.ts';
import type { Target } from '../target.ts';
import type { UserAuthentication } from '../user-authentication.ts';
import { takeAskedVersion, unknownVersion } from './asked-version.ts';
import { cookieOf } from './cookie-of.ts';
import type { ExposedVersion, VersionedRoutes } from './exposed-versions.ts';
import type { Traffic } from './traffic.ts';

export interface VersionedTargetOptions {
  /** Every exposed version of the service, lowest first. */
  readonly versions: readonly ExposedVersion[];
  readonly traffic: Traffic;
  readonly authentication: UserAuthentication;
  /** Answers the requests of one version that go to these instances. */
  readonly createTarget: (route: ExposedRoute, to: Destination) => Target;
  /** From 0 up to but not including 1. */
  readonly random: () => number;
}

/** Passes each request to the version that it asks for, or else to the one that the rules in force choose. */
export function createVersionedTarget(versioned: VersionedRoutes, options: VersionedTargetOptions): Target {
  return new VersionedTarget(versioned, options);
}

type Params = Readonly<Record<string, string>>;

/** Where a request goes. */
interface Way {
  readonly exposed: ExposedVersion;
  readonly to: Destination;
}

class VersionedTarget implements Target {
  readonly route: string;
  readonly hasVersions = true;
  readonly #service: string;
  readonly #routes: ReadonlyMap<string, ExposedRoute>;
  readonly #first: ExposedRoute;
  readonly #options: VersionedTargetOptions;
  readonly #default: Way | undefined;
  /** Made when they are first needed; as many as rules have named. */
  readonly #targets = new Map<string, Target>();

  constructor({ service, routes }: VersionedRoutes, options: VersionedTargetOptions) {
    const [first] = routes;
    this.route = first.operation.path;
    this.#service = service;
    this.#first = first;
    this.#routes = new Map(routes.map((route) => [route.contract.version, route]));
    this.#options = options;
    const [lowest] = options.versions;
    this.#default = lowest && { exposed: lowest, to: { version: lowest.short } };
  }

  handle(exchange: Exchange, params: Params): Promise<void> | undefined {
    const { traffic, versions } = this.#options;
    // Like one that is not exposed: it does not even say in which versions it could be.
    if (!versions.some(({ version }) => this.#routeIn(version))) throw routeError({ kind: 'none' });
    const asked = takeAskedVersion(exchange);
    if (asked !== undefined) {
      const fitting = versions.filter(({ version }) => fitsVersion(version, asked));
      const exposed = fitting.findLast(({ version }) => this.#routeIn(version)) ?? fitting.at(-1);
      if (exposed === undefined) throw this.#unknown(asked);
      return this.#pass(exchange, params, { exposed, to: { version: exposed.short } });
    }
    const rule = traffic.ruleOf(this.#service);
    if (rule === undefined) return this.#pass(exchange, params, this.#default);
    if (!asksForUser(rule))
      return this.#pass(exchange, params, this.#choose(rule, factsOf(exchange, undefined)));
    return this.#userOf(exchange).then((user) =>
      this.#pass(exchange, params, this.#choose(rule, factsOf(exchange, user))),
    );
  }

  #pass(exchange: Exchange, params: Params, way: Way | undefined): Promise<void> | undefined {
    const route = way && this.#routeIn(way.exposed.version);
    if (way === undefined || route === undefined) throw this.#unknown(way?.exposed.version ?? 'none');
    const { version = '' } = way.to;
    exchange.answeringVersion = /^\d+\.\d+\.\d+/.test(version) ? version : way.exposed.version;
    exchange.hasVersions = this.#options.versions.length > 1;
    return this.#targetOf(route, way).handle(exchange, this.#renamed(params, route));
  }

  /** Undefined if the version lacks the operation, or it is switched off there. */
  #routeIn(version: string): ExposedRoute | undefined {
    const route = this.#routes.get(version);
    return route !== undefined && this.#options.traffic.isOn(route) ? route : undefined;
  }

  #targetOf(route: ExposedRoute, { exposed, to }: Way): Target {
    const key = `${exposed.version} ${destinationText(to)}`;
    let target = this.#targets.get(key);
    if (target === undefined) {
      target = this.#options.createTarget(route, to);
      this.#targets.set(key, target);
    }
    return target;
  }

  #choose(rule: ServiceTraffic, facts: TrafficFacts): Way | undefined {
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
      return (await this.#options.authentication.authenticate(exchange.request, 'user')).user?.id;
    } catch {
      return undefined;
    }
  }

  /** Each version has names of its own for what is in the path. */
  #renamed(params: Params, { operation }: ExposedRoute): Params {
    const before = this.#first.operation.pathNames;
    if (operation.pathNames.every((name, index) => name === before[index])) return params;
    return Object.fromEntries(
      operation.pathNames.map((name, index) => [name, params[before[index] ?? ''] ?? '']),
    );
  }

  #unknown(asked: string): Error {
    const versions = [...this.#routes.keys()].filter((version) => this.#routeIn(version));
    return unknownVersion(
      `'${this.#first.operation.method} ${this.route}' is not in version ${asked} of '${this.#service}'; it is in ${versions.join(', ')}.`,
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

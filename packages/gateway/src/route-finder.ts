import { createRouter, type Route, type RouteResult, type Router } from '@banyan/rpc';
import type { Exchange } from './exchange.ts';
import type { StaticSite } from './static-site.ts';
import type { Target } from './target.ts';
import { splitVersionedPath } from './versions/asked-version.ts';

/** Finds the route of a request among those that are served now. */
export interface RouteFinder {
  /** What is found at a path that begins with a version is that version, unless something has exactly that path. Then the path of `exchange` is without it. */
  find(exchange: Exchange, method: string): RouteResult<Target>;
  has(method: string, path: string): boolean;
}

export function createRouteFinder(
  routes: readonly Route<Target>[],
  site: StaticSite | undefined,
): RouteFinder {
  return new Finder(createRouter(routes), site);
}

class Finder implements RouteFinder {
  readonly #router: Router<Target>;
  readonly #site: StaticSite | undefined;

  constructor(router: Router<Target>, site: StaticSite | undefined) {
    this.#router = router;
    this.#site = site;
  }

  find(exchange: Exchange, method: string): RouteResult<Target> {
    const { path } = exchange;
    const found = this.#findServed(method, path);
    const versioned = found.kind === 'none' ? splitVersionedPath(path) : undefined;
    if (versioned === undefined) return found;
    const inside = this.#findServed(method, versioned.rest);
    if (inside.kind === 'wrong_method')
      return this.#isVersioned(path, { allow: inside.allow, rest: versioned.rest }) ? inside : found;
    if (inside.kind !== 'match' || inside.target.hasVersions !== true) return found;
    exchange.path = versioned.rest;
    exchange.pathVersion = versioned.version;
    return inside;
  }

  has(method: string, path: string): boolean {
    return this.#router.find(method, path).kind === 'match';
  }

  /** Without the methods that are switched off: neither `Allow` nor a preflight tells that they could be there. */
  #findServed(method: string, path: string): RouteResult<Target> {
    const found = this.#router.find(method, path);
    if (found.kind !== 'wrong_method') return found;
    const served = found.allow.split(', ').filter((each) => {
      const other = this.#router.find(each, path);
      return other.kind !== 'match' || other.target.isOn !== false;
    });
    return served.length === 0 ? { kind: 'none' } : { kind: 'wrong_method', allow: served.join(', ') };
  }

  /** A file of that path, or a path of the platform, is not below a version. */
  #isVersioned(path: string, { allow, rest }: { readonly allow: string; readonly rest: string }): boolean {
    if (this.#site?.has(path)) return false;
    const [method = ''] = allow.split(', ', 1);
    const inside = this.#router.find(method, rest);
    return inside.kind === 'match' && inside.target.hasVersions === true;
  }
}

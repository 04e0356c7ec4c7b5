/** A method and a path with `:name` segments, and what is served there. */
export interface Route<Target> {
  readonly method: string;
  readonly path: string;
  readonly target: Target;
}

export interface RouteMatch<Target> {
  readonly kind: 'match';
  readonly target: Target;
  /** The path's values by name, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
}

export type RouteResult<Target> =
  | RouteMatch<Target>
  /** The path exists for other methods; `allow` lists them as the `Allow` header wants it. */
  | { readonly kind: 'wrong_method'; readonly allow: string }
  | { readonly kind: 'malformed_path' }
  | { readonly kind: 'none' };

/** Finds what a request asks for. Fixed at its creation; a path without parameters costs one map lookup. */
export interface Router<Target> {
  /**
   * Segments are compared as they are written; a fixed segment wins over a parameter in its place. A parameter
   * matches one segment that is not empty. `HEAD` finds what `GET` does.
   * @param path without query
   */
  find(method: string, path: string): RouteResult<Target>;
}

type Leaf<Target> = Map<string, { readonly target: Target; readonly names: readonly string[] }>;

interface Node<Target> {
  readonly fixed: Map<string, Node<Target>>;
  parameter: Node<Target> | undefined;
  leaf: Leaf<Target> | undefined;
}

const none = { kind: 'none' } as const;
const malformed = { kind: 'malformed_path' } as const;
const noParams: Readonly<Record<string, string>> = Object.freeze({});

/** @throws TypeError if two routes share method and path, or a path does not start with `/` */
export function createRouter<Target>(routes: readonly Route<Target>[]): Router<Target> {
  const root = createNode<Target>();
  const exact = new Map<string, Leaf<Target>>();
  for (const route of routes) addRoute(root, exact, route);
  return new TreeRouter(root, exact);
}

class TreeRouter<Target> implements Router<Target> {
  readonly #root: Node<Target>;
  /** Leaves whose path has no parameters: no other route can win there. */
  readonly #exact: ReadonlyMap<string, Leaf<Target>>;

  constructor(root: Node<Target>, exact: ReadonlyMap<string, Leaf<Target>>) {
    this.#root = root;
    this.#exact = exact;
  }

  find(method: string, path: string): RouteResult<Target> {
    const leaf = this.#exact.get(path);
    const found = leaf === undefined ? undefined : entryOf(leaf, method);
    if (found !== undefined) return { kind: 'match', target: found.target, params: noParams };
    if (!path.startsWith('/')) return none;
    return this.#findInTree(method, path.slice(1).split('/'));
  }

  #findInTree(method: string, segments: readonly string[]): RouteResult<Target> {
    const leaves: { leaf: Leaf<Target>; values: readonly string[] }[] = [];
    collectLeaves(this.#root, { segments, values: [], leaves }, 0);
    if (leaves.length === 0) return none;
    const methods = new Set<string>();
    for (const { leaf, values } of leaves) {
      const found = entryOf(leaf, method);
      if (found !== undefined) return withParams(found, values);
      for (const name of leaf.keys()) methods.add(name);
    }
    if (methods.has('GET')) methods.add('HEAD');
    return { kind: 'wrong_method', allow: [...methods].sort().join(', ') };
  }
}

interface Search<Target> {
  readonly segments: readonly string[];
  readonly values: string[];
  readonly leaves: { leaf: Leaf<Target>; values: readonly string[] }[];
}

/** Every leaf that fits, the most specific first: `/orders/new` and `/orders/:id` may hold different methods. */
function collectLeaves<Target>(node: Node<Target>, search: Search<Target>, depth: number): void {
  const segment = search.segments[depth];
  if (segment === undefined) {
    if (node.leaf !== undefined) search.leaves.push({ leaf: node.leaf, values: [...search.values] });
    return;
  }
  const fixed = node.fixed.get(segment);
  if (fixed !== undefined) collectLeaves(fixed, search, depth + 1);
  if (node.parameter === undefined || segment === '') return;
  search.values.push(segment);
  collectLeaves(node.parameter, search, depth + 1);
  search.values.pop();
}

function withParams<Target>(
  found: { readonly target: Target; readonly names: readonly string[] },
  values: readonly string[],
): RouteResult<Target> {
  const params: Record<string, string> = {};
  for (let index = 0; index < found.names.length; index += 1) {
    const value = decodeSegment(values[index] ?? '');
    if (value === undefined) return malformed;
    params[found.names[index] ?? ''] = value;
  }
  return { kind: 'match', target: found.target, params };
}

function decodeSegment(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function entryOf<Target>(leaf: Leaf<Target>, method: string) {
  return leaf.get(method) ?? (method === 'HEAD' ? leaf.get('GET') : undefined);
}

function addRoute<Target>(root: Node<Target>, exact: Map<string, Leaf<Target>>, route: Route<Target>): void {
  const { method, path, target } = route;
  if (!path.startsWith('/')) throw new TypeError(`Route '${method} ${path}': the path must start with '/'.`);
  const names: string[] = [];
  let node = root;
  for (const segment of path.slice(1).split('/')) {
    if (segment.startsWith(':')) {
      names.push(segment.slice(1));
      node.parameter ??= createNode();
      node = node.parameter;
    } else {
      const next = node.fixed.get(segment) ?? createNode<Target>();
      node.fixed.set(segment, next);
      node = next;
    }
  }
  node.leaf ??= new Map();
  if (node.leaf.has(method)) throw new TypeError(`Route '${method} ${path}' is taken by another route.`);
  node.leaf.set(method, { target, names });
  if (names.length === 0) exact.set(path, node.leaf);
}

function createNode<Target>(): Node<Target> {
  return { fixed: new Map(), parameter: undefined, leaf: undefined };
}

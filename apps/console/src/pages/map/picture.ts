import type {
  MapEdge,
  MapService,
  ServiceMap,
  SystemNow,
  SystemService,
  VersionTraffic,
} from '../../data/api-types.ts';
import { formatMs } from '../../format.ts';
import type { Tone } from '../../parts/badge.tsx';
import { type Link, linkName } from './layout.ts';

/** A service as the map shows it: what it is, from the system, and what it does, from telemetry. */
export interface MapNode {
  readonly name: string;
  readonly kind: MapService['kind'];
  /** Undefined for what is no service of this system, such as a database or somebody else's API. */
  readonly service: SystemService | undefined;
  /** Undefined if it did nothing in the time shown. */
  readonly traffic: MapService | undefined;
  readonly standing: Standing;
}

export interface Standing {
  readonly tone: Tone;
  readonly word: string;
}

export interface MapLink extends Link {
  /** What flows: calls, events or both; of what may flow and does not, the counts are 0. */
  readonly call: MapEdge | undefined;
  readonly event: MapEdge | undefined;
  readonly kind: MapEdge['kind'];
  /** Requests fail now, and not only in the time shown. */
  readonly isErring: boolean;
  /** The caller has stopped asking for a while. */
  readonly breaker: 'open' | 'half_open' | undefined;
  /** Those that are not closed, each for the version that it asks for. */
  readonly breakers: readonly Breaker[];
}

export type Breaker = SystemService['breakers'][number];

/** A version that answers on a link, and whether the caller has stopped asking it. */
export interface LinkVersion extends VersionTraffic {
  readonly breaker: MapLink['breaker'];
}

/** Where several versions answer calls, each for itself; else none. */
export function versionsOf({ call, breakers }: MapLink): readonly LinkVersion[] {
  return (call?.versions ?? []).map((traffic) => ({
    ...traffic,
    breaker: breakerFor(breakers, traffic.version),
  }));
}

function breakerFor(breakers: readonly Breaker[], version: string): MapLink['breaker'] {
  const fitting = breakers.filter(
    ({ version: asked }) => asked === undefined || asked === version || version.startsWith(`${asked}.`),
  );
  const states = fitting.map(({ state }) => state);
  if (states.includes('open')) return 'open';
  return states.includes('half_open') ? 'half_open' : undefined;
}

export interface MapPicture {
  readonly nodes: readonly MapNode[];
  readonly links: readonly MapLink[];
}

/** Contracts say what may flow, so that a link does not come and go with its traffic; telemetry says what does. */
export function toPicture(system: SystemNow | undefined, map: ServiceMap | undefined): MapPicture {
  const services = new Map(system?.services.map((each) => [each.name, each]));
  const traffic = new Map(map?.services.map((each) => [each.name, each]));
  const links = linksOf(system, map);
  const linked = new Set(links.flatMap(({ from, to }) => [from, to]));
  // A process that only reports on itself is nobody's neighbour.
  const others = [...traffic.keys()].filter((name) => linked.has(name));
  const names = [...new Set([...services.keys(), ...others])].toSorted();
  const nodes = names.map((name) => {
    const [service, seen] = [services.get(name), traffic.get(name)];
    return {
      name,
      kind: seen?.kind ?? 'service',
      service,
      traffic: seen,
      standing: standingOf(service, seen, map),
    } satisfies MapNode;
  });
  return { nodes, links };
}

/** Telemetry sums up ten seconds, and arrives a little later. */
const recentMs = 20_000;

function isErring(traffic: MapService | MapEdge | undefined, map: ServiceMap | undefined): boolean {
  if (traffic?.lastErrorAt === undefined || map === undefined || traffic.errorRate < 0.01) return false;
  return Date.parse(map.to) - Date.parse(traffic.lastErrorAt) < recentMs;
}

function standingOf(
  service: SystemService | undefined,
  traffic: MapService | undefined,
  map: ServiceMap | undefined,
): Standing {
  if (service !== undefined) {
    const states = service.instances.map(({ state }) => state);
    if (states.length > 0 && states.every((state) => state === 'paused'))
      return { tone: 'warn', word: 'paused' };
    if (states.length > 0 && states.every((state) => state === 'stopped'))
      return { tone: 'plain', word: 'stopped' };
    if (states.includes('waiting')) return { tone: 'bad', word: 'down' };
    if (states.includes('starting')) return { tone: 'note', word: 'starting' };
    if (!service.isHealthy) return { tone: 'bad', word: 'down' };
    if (service.delayMs !== undefined) return { tone: 'warn', word: `slowed ${formatMs(service.delayMs)}` };
  }
  if (isErring(traffic, map)) return { tone: 'bad', word: 'errors' };
  return {
    tone: service === undefined ? 'plain' : 'good',
    word: service === undefined ? 'outside' : 'healthy',
  };
}

function linksOf(system: SystemNow | undefined, map: ServiceMap | undefined): readonly MapLink[] {
  const links = new Map<string, MapLink>();
  const add = (link: Link, more: Partial<MapLink>) => {
    const name = linkName(link);
    const before = links.get(name) ?? {
      ...link,
      call: undefined,
      event: undefined,
      kind: 'call' as const,
      isErring: false,
      breaker: undefined,
      breakers: [],
    };
    links.set(name, { ...before, ...more });
  };
  const known = new Set(system?.services.map(({ name }) => name));
  for (const { name, listensTo, calls } of system?.services ?? []) {
    for (const topic of listensTo) {
      const from = topic.split('.')[0] ?? '';
      if (known.has(from)) add({ from, to: name }, { kind: 'event' });
    }
    for (const to of calls) add({ from: name, to }, { kind: 'call' });
  }
  for (const edge of map?.edges ?? []) {
    const link = { from: edge.from, to: edge.to };
    const more = isErring(edge, map) ? { isErring: true } : {};
    if (edge.kind === 'event')
      add(link, { ...more, event: edge, ...(links.has(linkName(link)) ? {} : { kind: 'event' }) });
    else add(link, { ...more, call: edge, kind: edge.kind });
  }
  // A caller has a circuit for each version that it calls: one that is open says more than one that is half open.
  for (const shown of ['half_open', 'open'] as const) {
    for (const { name, breakers } of system?.services ?? [])
      for (const { to, state } of breakers)
        if (state === shown)
          add({ from: name, to }, { breaker: shown, breakers: breakers.filter((each) => each.to === to) });
  }
  return [...links.values()];
}

export interface Flow {
  readonly perSecond: number;
  readonly errorRate: number;
}

/** Calls and events of a link together. */
export function flowOf({ call, event }: MapLink): Flow {
  const both = [call, event].filter((each) => each !== undefined);
  const count = both.reduce((sum, each) => sum + each.count, 0);
  return {
    perSecond: both.reduce((sum, each) => sum + each.perSecond, 0),
    errorRate: count === 0 ? 0 : both.reduce((sum, each) => sum + each.errorRate * each.count, 0) / count,
  };
}

import type { Service } from './service.ts';
import { everyServiceOf, type System, servicesOf } from './system.ts';

export interface GraphNode {
  readonly name: string;
  readonly version: string;
  /** A stand-in that runs in development only. */
  readonly development: boolean;
}

export interface GraphEdge {
  /** Caller, or producer of the event. */
  readonly from: string;
  /** Callee, consumer of the event, or addressee of the message. */
  readonly to: string;
  readonly kind: 'call' | 'event' | 'message';
  /** Names of events and of messages that may be sent, exposed operations for the gateway's calls; empty for what `uses` merely allows. */
  readonly labels: readonly string[];
}

/** Who may call and who listens to whom, as the definitions say. */
export interface SystemGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/**
 * The graph of a system, without starting it. Nodes in the order of definition, the gateway first.
 * @param services those that run; default: as in development, with stand-ins
 */
export function describeGraph(
  system: System,
  services: readonly Service[] = servicesOf(system, true),
): SystemGraph {
  const nodes: GraphNode[] = [];
  const edges: GraphEdge[] = [];
  if (system.gateway !== undefined) {
    nodes.push({ name: 'gateway', version: '', development: false });
    for (const [to, routes] of Map.groupBy(system.gateway.routes, (route) => route.service)) {
      edges.push({ from: 'gateway', to, kind: 'call', labels: routes.map((route) => route.operation) });
    }
  }
  for (const service of services) {
    const { name, contract } = service;
    nodes.push({ name, version: contract.version, development: system.development.includes(service) });
    for (const used of Object.values(service.uses)) {
      if (Object.keys(used.operations).length > 0)
        edges.push({ from: name, to: used.name, kind: 'call', labels: [] });
      const messages = Object.keys(used.messages);
      if (messages.length > 0) edges.push({ from: name, to: used.name, kind: 'message', labels: messages });
    }
    for (const [from, labels] of eventsHeardBy(service)) {
      edges.push({ from, to: name, kind: 'event', labels: [...labels] });
    }
  }
  // What only a stand-in keeps is nobody's where that does not run.
  const names = new Set(nodes.map(({ name }) => name));
  return { nodes, edges: edges.filter(({ from, to }) => names.has(from) && names.has(to)) };
}

/** Events that a service handles, or follows flows by: their names by the service that tells them. */
function eventsHeardBy({ name: self, uses, on, flows }: Service): ReadonlyMap<string, ReadonlySet<string>> {
  const handled = Object.keys(on).map((each) => {
    const [alias = '', event = ''] = each.split('.');
    return [uses[alias]?.name ?? self, event] as const;
  });
  const followed = flows.flatMap(({ topics }) => topics.map((topic) => topic.split('.')));
  const heard = new Map<string, Set<string>>();
  for (const [from = '', event = ''] of [...handled, ...followed]) {
    heard.set(from, (heard.get(from) ?? new Set()).add(event));
  }
  return heard;
}

/** Who may send messages, replies and answers to a service: itself, those that use it, and those that it uses. */
export function sendersTo(system: System, service: string): readonly string[] {
  const names = new Set([service]);
  for (const { name, uses } of everyServiceOf(system)) {
    const used = Object.values(uses).map((contract) => contract.name);
    if (name === service) for (const each of used) names.add(each);
    if (used.includes(service)) names.add(name);
  }
  return [...names];
}

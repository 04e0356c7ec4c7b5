import type { SpanRecord } from '../records.ts';
import { RecentMap } from './recent-map.ts';
import type { Measured, TrafficKey } from './traffic-sums.ts';

type OnEdge = (key: TrafficKey, measured: Measured) => void;

interface Served {
  readonly key: TrafficKey;
  readonly measured: Measured;
}

interface Waiting extends Served {
  readonly dueMs: number;
}

interface Orphans {
  readonly served: Served[];
  readonly dueMs: number;
}

const maxRemembered = 100_000;
/** How long a call waits for the span of whoever answers it, before it counts as one to the outside; and an answer for that of its caller. */
const answerWaitMs = 10_000;
/** A call that failed may have had no answer at all, and a map should show that soon. */
const failureWaitMs = 1_500;

/**
 * Finds out who called whom while spans come in, in any order. The answering side counts: it knows how long it took. A call whose other side never shows
 * itself counts as its caller saw it.
 */
export class EdgeFinder {
  readonly #onEdge: OnEdge;
  /** Service by id of its span. */
  readonly #services = new RecentMap<string>(maxRemembered);
  /** Served, and the caller's span has not come yet; by its id. */
  readonly #orphans = new RecentMap<Orphans>(maxRemembered);
  #orphanCount = 0;
  /** Calls that were seen to be answered. */
  readonly #answered = new RecentMap<true>(maxRemembered);
  /** Calls that nobody was seen to answer yet, by their span's id. */
  readonly #unanswered = new RecentMap<Waiting>(maxRemembered);

  constructor(onEdge: OnEdge) {
    this.#onEdge = onEdge;
  }

  see(span: SpanRecord, nowMs: number): void {
    const { service } = span.resource;
    this.#services.set(span.spanId, service);
    const orphans = this.#orphans.take(span.spanId)?.served ?? [];
    this.#orphanCount -= orphans.length;
    for (const { key, measured } of orphans) this.#emit({ ...key, source: service }, measured);
    if (span.kind === 'server' || span.kind === 'consumer') this.#served(span, nowMs);
    else if (span.kind === 'client') this.#called(span, nowMs);
  }

  /** Counts the calls whose other side did not show itself in time, and gives up on callers that did not. */
  tick(nowMs: number): void {
    this.#unanswered.takeWhere(
      ({ dueMs }) => dueMs <= nowMs,
      ({ key, measured }) => this.#emit(key, measured),
    );
    this.#orphans.takeWhere(
      ({ dueMs }) => dueMs <= nowMs,
      ({ served }) => {
        this.#orphanCount -= served.length;
      },
    );
  }

  #served(span: SpanRecord, nowMs: number): void {
    const { resource, parentId, attributes } = span;
    if (parentId !== undefined) {
      this.#unanswered.take(parentId);
      this.#answered.set(parentId, true);
    }
    const kind = span.kind === 'consumer' ? 'event' : 'call';
    const key: TrafficKey = { kind, source: '', target: resource.service, version: resource.version ?? '' };
    const measured = measuredOf(span);
    const told = attributes['banyan.caller'];
    const causes = parentId === undefined ? span.links.map((link) => link.spanId) : [parentId];
    const source =
      typeof told === 'string' && told !== ''
        ? told
        : causes.map((id) => this.#services.get(id)).find(Boolean);
    if (source !== undefined) this.#emit({ ...key, source }, measured);
    else if (causes[0] !== undefined) this.#wait(causes[0], { key, measured }, nowMs);
  }

  /** Above the bound nothing more waits, and the map lacks the edge: a parent that never comes is not to fill the memory. */
  #wait(callerId: string, served: Served, nowMs: number): void {
    if (this.#orphanCount >= maxRemembered) return;
    this.#orphanCount += 1;
    const known = this.#orphans.get(callerId);
    if (known !== undefined) known.served.push(served);
    else this.#orphans.set(callerId, { served: [served], dueMs: nowMs + answerWaitMs });
  }

  #called(span: SpanRecord, nowMs: number): void {
    const measured = measuredOf(span);
    const source = span.resource.service;
    const database = databaseOf(span);
    if (database !== undefined) {
      this.#emit({ kind: 'database', source, target: database, version: '' }, measured);
      return;
    }
    if (this.#answered.take(span.spanId) !== undefined) return;
    const { target, kind } = calleeOf(span);
    const dueMs = nowMs + (span.isError ? failureWaitMs : answerWaitMs);
    this.#unanswered.set(span.spanId, { key: { kind, source, target, version: '' }, measured, dueMs });
  }

  /** A service that calls itself is no edge. */
  #emit(key: TrafficKey, measured: Measured): void {
    if (key.source !== key.target) this.#onEdge(key, measured);
  }
}

export function measuredOf({ startUs, durationUs, isError }: SpanRecord): Measured {
  return { atUs: startUs + durationUs, durationUs, isError };
}

/** OpenTelemetry's name now, and before. */
function databaseOf({ attributes }: SpanRecord): string | undefined {
  const system = attributes['db.system.name'] ?? attributes['db.system'];
  if (typeof system !== 'string') return undefined;
  const name = attributes['db.namespace'] ?? attributes['db.name'];
  return typeof name === 'string' ? `${system}/${name}` : system;
}

function calleeOf({ attributes }: SpanRecord): {
  readonly target: string;
  readonly kind: 'call' | 'external';
} {
  const text = (name: string) => {
    const value = attributes[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const service = attributes['rpc.system'] === 'banyan' ? text('rpc.service') : undefined;
  if (service !== undefined) return { target: service, kind: 'call' };
  const target =
    text('peer.service') ?? text('server.address') ?? text('net.peer.name') ?? text('rpc.service');
  return { target: target ?? 'outside', kind: 'external' };
}

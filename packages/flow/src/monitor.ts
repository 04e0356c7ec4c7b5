import type { Sql } from '@banyan/core';
import type { FlowDefinition, Sign } from './definition.ts';
import type { FlowChange, FlowId, FlowStore } from './flow-store.ts';
import { addSighting, type FlowStatus, pictureOf, type Seen } from './picture.ts';

/** One event that says something of one flow. */
export interface Sighting extends FlowId {
  readonly topic: string;
  readonly atMs: number;
}

export interface EndedFlow extends FlowId {
  readonly status: FlowStatus;
  /** From its first event to its end. */
  readonly durationMs: number;
}

/** Follows flows by their events. It keeps no state of its own: any instance may take any event. */
export interface FlowMonitor {
  readonly definitions: readonly FlowDefinition[];
  /** Of all its flows. */
  readonly topics: ReadonlySet<string>;
  /** What an event says of which flows. @param occurredAt RFC 3339 */
  sightingsOf(topic: string, data: unknown, occurredAt: string): readonly Sighting[];
  /** Adds to what is known, in the transaction of `sql`; resolves with the flows that have ended by it. What is known already changes nothing. */
  record(sql: Sql, sightings: readonly Sighting[]): Promise<readonly EndedFlow[]>;
  /** Looks at the flows under way with these definitions, if others wrote them. @param transaction runs its argument in one */
  refresh(transaction: (work: (sql: Sql) => Promise<void>) => Promise<void>): Promise<void>;
}

export function createFlowMonitor(definitions: readonly FlowDefinition[], store: FlowStore): FlowMonitor {
  return new EventFlowMonitor(definitions, store);
}

const refreshedAtOnce = 500;

class EventFlowMonitor implements FlowMonitor {
  readonly definitions: readonly FlowDefinition[];
  readonly topics: ReadonlySet<string>;
  readonly #store: FlowStore;
  readonly #byName: ReadonlyMap<string, FlowDefinition>;
  readonly #signs = new Map<string, { readonly flow: string; readonly sign: Sign }[]>();

  constructor(definitions: readonly FlowDefinition[], store: FlowStore) {
    this.definitions = definitions;
    this.#store = store;
    this.#byName = new Map(definitions.map((each) => [each.name, each]));
    this.topics = new Set(definitions.flatMap(({ topics }) => topics));
    for (const { name, steps, ends } of definitions) {
      const shown = steps.flatMap(({ done, failed, undone }) => [...done, ...failed, ...undone]);
      for (const sign of [...shown, ...ends.well, ...ends.badly]) {
        const signs = this.#signs.get(sign.topic) ?? [];
        this.#signs.set(sign.topic, [...signs, { flow: name, sign }]);
      }
    }
  }

  sightingsOf(topic: string, data: unknown, occurredAt: string): readonly Sighting[] {
    const atMs = Date.parse(occurredAt);
    const flows = new Map<string, Sighting>();
    for (const { flow, sign } of this.#signs.get(topic) ?? []) {
      const key = sign.keyOf(data);
      if (key !== undefined && key !== '') flows.set(`${flow} ${key}`, { flow, key, topic, atMs });
    }
    return [...flows.values()];
  }

  async record(sql: Sql, sightings: readonly Sighting[]): Promise<readonly EndedFlow[]> {
    const byFlow = Map.groupBy(sightings, nameOf);
    const ids = [...byFlow.values()].flatMap((group) => group.slice(0, 1));
    const written = await this.#store.amend(sql, ids, (id, stored) =>
      this.#changeOf(id, stored, byFlow.get(nameOf(id)) ?? []),
    );
    return written.flatMap(({ before, after }) => {
      const { flow, key, status, startedAt, endedAt } = after;
      if (endedAt === undefined || before?.endedAt !== undefined) return [];
      return { flow, key, status, durationMs: Date.parse(endedAt) - Date.parse(startedAt) };
    });
  }

  async refresh(transaction: (work: (sql: Sql) => Promise<void>) => Promise<void>): Promise<void> {
    for (const { name, fingerprint } of this.definitions) {
      for (;;) {
        const ids = await this.#store.outdated(name, fingerprint, refreshedAtOnce);
        if (ids.length === 0) break;
        await transaction(async (sql) => {
          await this.#store.amend(sql, ids, (id, stored) => this.#changeOf(id, stored, []));
        });
      }
    }
  }

  #changeOf(
    { flow, key }: FlowId,
    stored: { readonly seen: Seen; readonly fingerprint: string } | undefined,
    sightings: readonly Sighting[],
  ): FlowChange | undefined {
    const definition = this.#byName.get(flow);
    if (definition === undefined) return undefined;
    const before = stored?.seen ?? {};
    const seen = sightings.reduce((sum, { topic, atMs }) => addSighting(sum, topic, atMs), before);
    const { fingerprint } = definition;
    if (seen === before && stored?.fingerprint === fingerprint) return undefined;
    const picture = pictureOf(definition, seen);
    // Nothing that was seen of it means anything to this definition; it stays findable.
    const { status, startedAtMs, lastAtMs, endedAtMs, dueAtMs } = picture ?? nothingKnown(seen);
    return {
      ...{ flow, key, seen, status, fingerprint },
      startedAt: toTime(startedAtMs),
      lastAt: toTime(lastAtMs),
      dueAt: dueAtMs === undefined ? undefined : toTime(dueAtMs),
      endedAt: endedAtMs === undefined ? undefined : toTime(endedAtMs),
    };
  }
}

function nothingKnown(seen: Seen) {
  const times = Object.values(seen).flat();
  const startedAtMs = Math.min(...times);
  return {
    status: 'open',
    startedAtMs,
    lastAtMs: Math.max(...times),
    endedAtMs: undefined,
    dueAtMs: undefined,
  } as const;
}

function nameOf({ flow, key }: FlowId): string {
  return `${flow} ${key}`;
}

function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { CloudEvent } from '../cloud-event.ts';
import { toEncodedEvent } from '../encoded-event.ts';
import type { EventLog, LogPage, LogReader, MalformedRecord, StartAt } from '../event-log.ts';

export interface EventLogFixture {
  readonly log: EventLog;
  /** Another handle on the same log, as another process would have. */
  readonly other: EventLog;
  /** A new handle, as after a restart of the process; `close` closes it. */
  reopen?(): Promise<EventLog>;
  /** Puts a record in the log that is no event. */
  publishRaw?(topic: string, partition: number, text: string): Promise<void>;
  readonly faults?: {
    /** Restarts the engine; resolves when it takes connections again. */
    restart?(): Promise<void>;
  };
  close(): Promise<void>;
}

/** Shorthands over one log. */
export interface LogDriver extends EventLogFixture {
  publish(...events: readonly CloudEvent[]): Promise<void>;
  /**
   * Reads all partitions of a topic, or of some. Begins at the beginning, or, with an engine that cannot read again what was read before,
   * at the end: so open before you publish.
   */
  follow(topics: readonly string[], options?: FollowOptions): Promise<Follower>;
}

export interface FollowOptions {
  readonly log?: EventLog;
  readonly from?: StartAt | ReadonlyMap<number, StartAt>;
  readonly group?: string;
}

/** One reader, what it has seen, and where it is. */
export interface Follower {
  readonly seen: CloudEvent[];
  readonly malformed: MalformedRecord[];
  readonly positions: Map<number, StartAt>;
  page(limit?: number, waitMs?: number): Promise<LogPage>;
  /** Reads pages until `count` events were seen in all, and one more, which must be empty. */
  readUntil(count: number, limit?: number): Promise<readonly CloudEvent[]>;
  /** Says that everything read is stored. */
  commit(): Promise<void>;
  /** Commits, unless told not to, closes the reader, and goes on with another one from where it was. */
  reopen(options?: { readonly isCommitting?: boolean }): Promise<void>;
  close(): Promise<void>;
}

export function createLogDriver(fixture: EventLogFixture): LogDriver {
  const { log } = fixture;
  return {
    ...fixture,
    publish: (...events) => log.publish(events.map(toEncodedEvent)),
    follow: (topics, options = {}) => follow(options.log ?? log, topics, options),
  };
}

async function follow(log: EventLog, topics: readonly string[], options: FollowOptions): Promise<Follower> {
  const { from = log.features.replay ? 'start' : 'end', group = `group-${randomUUID().slice(0, 8)}` } =
    options;
  const positions = new Map(from instanceof Map ? from : everywhere(log, from as StartAt));
  const open = () => log.open({ group, topics, from: new Map(positions) });
  let reader: LogReader = await open();
  const seen: CloudEvent[] = [];
  const malformed: MalformedRecord[] = [];
  const follower: Follower = {
    seen,
    malformed,
    positions,
    async page(limit = 1_000, waitMs = 100) {
      const page = await reader.next(limit, waitMs);
      assert.ok(page.events.length <= limit, `${page.events.length} events, at most ${limit} were asked for`);
      for (const [partition, position] of page.positions) {
        assert.ok(positions.has(partition), `partition ${partition} was not asked for`);
        positions.set(partition, { position });
      }
      seen.push(...page.events);
      malformed.push(...page.malformed);
      return page;
    },
    async readUntil(count, limit) {
      const endsAtMs = Date.now() + 30_000;
      while (seen.length < count && Date.now() < endsAtMs) await follower.page(limit);
      assert.ok(seen.length >= count, `${seen.length} of ${count} events were read`);
      assert.deepEqual((await follower.page()).events, []);
      return seen;
    },
    commit: () => reader.commit(placesOf(positions)),
    async reopen({ isCommitting = true } = {}) {
      if (isCommitting) await follower.commit();
      await reader.close();
      reader = await open();
    },
    close: () => reader.close(),
  };
  return follower;
}

export function everywhere(log: EventLog, from: StartAt): ReadonlyMap<number, StartAt> {
  return new Map(Array.from({ length: log.partitions }, (_, partition) => [partition, from]));
}

function placesOf(positions: ReadonlyMap<number, StartAt>): ReadonlyMap<number, string> {
  const places = new Map<number, string>();
  for (const [partition, at] of positions) {
    if (typeof at === 'object' && 'position' in at) places.set(partition, at.position);
  }
  return places;
}

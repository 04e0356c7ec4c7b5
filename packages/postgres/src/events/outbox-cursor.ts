import type { EncodedEvent, OutboxCursor } from '@banyan/events';
import { type OutboxHome, unknownHome } from './outbox-home.ts';

/**
 * A place in the outbox: everything up to `after` that the snapshot `seen` shows has been read. What was committed late is what `seen` does not show:
 * rows of transactions that were running then (there are never more than connections), and of those that began later and yet drew a number up to `after`.
 * Both are few and found by an index, so no horizon is needed that a transaction forgotten somewhere on the server could hold back.
 */
export interface Place {
  readonly after: string;
  /** `pg_snapshot` as text: `xmin:xmax:running,…`. */
  readonly seen: string;
  /** Every row up to `after` was written by a transaction below this id. */
  readonly limit: string;
  /** Where `seen` and `limit` are of. What was brought along to there can no more come late. */
  readonly home: OutboxHome;
  /** While more late rows are read than fit into a page: the snapshot that ends this reading, and the last of them that was read. */
  readonly late: { readonly seen: string; readonly after: string } | undefined;
}

export function toCursor({ after, seen, limit, home, late }: Place): OutboxCursor {
  const parts = [after, seen, limit];
  if (late !== undefined) parts.push(late.seen, late.after);
  if (home.name !== '') parts.push(`${home.name}/${home.since}`);
  return parts.join(' ');
}

export function toPlace(cursor: OutboxCursor): Place {
  const parts = cursor.split(' ');
  const [name = '', since = '0'] = parts.at(-1)?.includes('/') ? (parts.pop()?.split('/') ?? []) : [];
  const [after, seen, limit, lateSeen, lateAfter] = parts;
  if (after === undefined || seen === undefined || limit === undefined) {
    throw new TypeError(`'${cursor}' is no cursor of this outbox.`);
  }
  const late =
    lateSeen === undefined || lateAfter === undefined ? undefined : { seen: lateSeen, after: lateAfter };
  return { after, seen, limit, home: name === '' ? unknownHome : { name, since }, late };
}

/** Upper end of a snapshot, and the transactions below it that were running. */
export function toRunning(snapshot: string): { readonly xmax: string; readonly running: readonly string[] } {
  const [, xmax = '0', running = ''] = snapshot.split(':');
  return { xmax, running: running === '' ? [] : running.split(',') };
}

/** True if a reader at this place has read the row. */
export function showsRow(
  { after, seen, home, late }: Place,
  { seq, xid }: { readonly seq: string; readonly xid: string },
): boolean {
  if (BigInt(seq) > BigInt(after)) return false;
  if (BigInt(seq) <= BigInt(home.since) || isShown(seen, xid)) return true;
  return late !== undefined && BigInt(seq) <= BigInt(late.after) && isShown(late.seen, xid);
}

function isShown(snapshot: string, xid: string): boolean {
  const { xmax, running } = toRunning(snapshot);
  return BigInt(xid) < BigInt(xmax) && !running.includes(xid);
}

/** A row that holds an event, in any of the tables. */
export interface EventRow {
  readonly id: string;
  readonly topic: string;
  readonly key: string;
  readonly eventTime: string;
  readonly event: string;
}

export function toEncoded({ id, topic, key, eventTime, event }: EventRow): EncodedEvent {
  return { id, topic, key, time: eventTime, text: event };
}

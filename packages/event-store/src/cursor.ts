import { eventStoreError } from './errors.ts';
import type { EventCursor } from './event-store.ts';

/**
 * A place in the log: everything up to `after` that the snapshot `seen` shows has been read. What was committed late is what `seen` does not
 * show: events of transactions that were running then, and of those that began later and yet drew a position up to `after`. Both are few
 * and found by an index. So no horizon is needed that a transaction forgotten somewhere on the server could hold back (decision 0008).
 */
export interface Place {
  readonly after: string;
  /** `pg_snapshot` as text: `xmin:xmax:running,…`. */
  readonly seen: string;
  /** Every event up to `after` was written by a transaction below this id. */
  readonly limit: string;
  /** Of the cluster whose transactions `seen` and `limit` name. */
  readonly era: string;
  /** While more late events are read than fit into a page: the snapshot that ends this reading, and the last of them that was read. */
  readonly late: { readonly seen: string; readonly after: string } | undefined;
}

export const startPlace: Place = { after: '0', seen: '1:1:', limit: '0', era: '0', late: undefined };

export function toCursor({ after, seen, limit, era, late }: Place): EventCursor {
  const parts = [after, seen, limit, era];
  if (late !== undefined) parts.push(late.seen, late.after);
  return parts.join(' ');
}

const cursorPattern =
  /^(?<after>\d{1,19}) (?<seen>\d{1,20}:\d{1,20}:[\d,]*) (?<limit>\d{1,20}) (?<era>\d{1,9})(?: (?<lateSeen>\d{1,20}:\d{1,20}:[\d,]*) (?<lateAfter>\d{1,19}))?$/;

/** @throws ServiceError `invalid_argument` `cursor_invalid` */
export function toPlace(cursor: EventCursor): Place {
  const parts = typeof cursor === 'string' ? cursorPattern.exec(cursor)?.groups : undefined;
  if (parts === undefined) throw eventStoreError('cursor_invalid');
  const { after = '0', seen = '', limit = '0', era = '0', lateSeen, lateAfter } = parts;
  const late =
    lateSeen === undefined || lateAfter === undefined ? undefined : { seen: lateSeen, after: lateAfter };
  return { after, seen, limit, era, late };
}

/** Position of the last event that a reader at `cursor` has passed; it may not have seen all below it. */
export function positionOf(cursor: EventCursor): number {
  return Number(toPlace(cursor).after);
}

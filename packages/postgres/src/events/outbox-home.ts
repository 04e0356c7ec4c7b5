import type { Sql, SqlFragment } from '@banyan/core';

/** Where an outbox lives. Ids of transactions mean something in one cluster, numbers of events in one life of the table. */
export interface OutboxHome {
  /** Of cluster and table; empty in a place that is older than the column. */
  readonly name: string;
  /** Rows up to this number were brought along from another home. */
  readonly since: string;
}

export const unknownHome: OutboxHome = { name: '', since: '0' };

/** Of `name/since`. */
export function toHome(text: string): OutboxHome {
  const [name = '', since = '0'] = text.split('/');
  return { name, since };
}

/** Of `banyan.outbox_state as state`, as `name/since`. Readers may be newer than the outbox: as long as it has no such columns, its home is unknown. */
export function homeColumn(sql: Sql): SqlFragment {
  return sql`coalesce(to_jsonb(state) ->> 'home', '') || '/' || coalesce(to_jsonb(state) ->> 'since', '0')`;
}

/** True if ids of transactions in a place of one are those of the other. */
export function isSameHome(place: OutboxHome, outbox: OutboxHome): boolean {
  return place.name === outbox.name || (place.name === '' && outbox.since === '0');
}

/**
 * The first process that meets a restored outbox notes up to where its rows were brought along. Called before anybody appends, and before a place is
 * taken up again. Does nothing in an outbox that is older than the column.
 */
export async function settleOutbox(sql: Sql): Promise<void> {
  const here = sql`(select system_identifier from pg_control_system()) || '.' || 'banyan.outbox'::regclass::oid`;
  const [moved] =
    await sql`select from banyan.outbox_state as state where to_jsonb(state) ->> 'home' <> ${here}`;
  if (moved === undefined) return;
  await sql`
    update banyan.outbox_state set home = ${here},
      since = greatest(pruned_to, (select max(seq) from banyan.outbox))
    where home <> ${here}`;
}

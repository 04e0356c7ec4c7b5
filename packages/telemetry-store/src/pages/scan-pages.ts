import { setImmediate } from 'node:timers/promises';
import type { Sql, SqlFragment } from '@banyan/core';

export interface PageRow {
  readonly page: number;
  readonly fromUs: number;
  readonly toUs: number;
  readonly body: Uint8Array;
}

/** Behind which page a scan begins, or has got to. */
export interface ScanPlace {
  readonly toUs: number;
  readonly page: number;
}

export interface PageScan {
  readonly table: 'telemetry.log_pages' | 'telemetry.span_pages';
  readonly fromUs: number;
  readonly place: ScanPlace;
  /** On the columns of a page: whether it is worth unpacking. */
  readonly condition: SqlFragment;
}

export interface PageBatch {
  readonly rows: readonly PageRow[];
  /** How many pages were asked whether they are worth it. */
  readonly asked: number;
  /** How far it has got; undefined when there are no more. */
  readonly last: ScanPlace | undefined;
}

/** Behind every page of that time. */
export const behind = (toUs: number): ScanPlace => ({ toUs, page: Number.MAX_SAFE_INTEGER });

const firstPages = 16;
const mostPages = 128;
const firstAsked = 128;
const mostAsked = 32_768;
const askedGrowth = 8;
/** Others have their turn after so many. */
const pagesAtOnce = 32;

/**
 * Pages by their newest item, newest first, in batches that grow. How many are asked for a batch follows from how many of those before were worth it: few for a
 * word that every page has, many for one that hardly any has. Where much is read, the next batch is fetched while whoever asked is busy with the one before.
 */
export async function* scanPages(sql: Sql, scan: PageScan): AsyncGenerator<PageBatch> {
  const begin = (reading: Reading) => {
    const batch = readPages(sql, reading);
    // It may fail while whoever asked is busy, or after they have gone; whoever waits for it hears of it nevertheless.
    batch.catch(() => {});
    return batch;
  };
  let size = firstPages;
  let most = firstAsked;
  let coming = begin({ ...scan, size, most });
  for (;;) {
    const { rows, asked, oldest } = await coming;
    const isFull = rows.length === size;
    const end = (isFull ? rows.at(-1) : undefined) ?? oldest;
    const isLast = end === undefined || (!isFull && asked < most);
    size = Math.min(size * 2, mostPages);
    const wanted = rows.length === 0 ? mostAsked : Math.ceil((size * asked) / rows.length);
    most = Math.min(Math.max(wanted, firstAsked), most * askedGrowth, mostAsked);
    const next = isLast ? undefined : { ...scan, place: end, size, most };
    const isEarly = next !== undefined && size === mostPages;
    if (isEarly) coming = begin(next);
    // Once also without any: whoever asked is told how far it has got.
    for (let at = 0; at === 0 || at < rows.length; at += pagesAtOnce) {
      if (at > 0) await setImmediate();
      const batch = rows.slice(at, at + pagesAtOnce);
      const isEnd = at + pagesAtOnce >= rows.length;
      yield { rows: batch, asked: at === 0 ? asked : 0, last: isEnd ? next?.place : batch.at(-1) };
    }
    if (next === undefined) return;
    if (!isEarly) coming = begin(next);
  }
}

interface Reading extends PageScan {
  /** As many as are wanted, of as many as are asked. */
  readonly size: number;
  readonly most: number;
}

interface FoundRow extends PageRow {
  readonly asked: number | null;
}

/** The server cannot guess how many pages pass a filter; without the inner limit it would read all of them each time. */
async function readPages(
  sql: Sql,
  { table, fromUs, place, condition, size, most }: Reading,
): Promise<{
  readonly rows: readonly PageRow[];
  readonly asked: number;
  readonly oldest: ScanPlace | undefined;
}> {
  const found = await sql<FoundRow>`
    with asked as materialized (
      select page, from_us, to_us, body, ${condition} as may from ${sql.identifier(table)}
      where to_us >= ${fromUs} and (to_us, page) < (${place.toUs}::int8, ${place.page}::int8)
      order by to_us desc, page desc limit ${most})
    (select page, from_us, to_us, body, null::int4 as asked from asked where may
      order by to_us desc, page desc limit ${size})
    union all
    (select page, from_us, to_us, ''::bytea, (select count(*)::int4 from asked) from asked
      order by to_us, page limit 1)`;
  const oldest = found.find(({ asked }) => asked !== null);
  const rows = found.filter(({ asked }) => asked === null).sort((a, b) => b.toUs - a.toUs || b.page - a.page);
  return { rows, asked: oldest?.asked ?? 0, oldest };
}

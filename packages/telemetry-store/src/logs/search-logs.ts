import type { Sql, SqlFragment } from '@banyan/core';
import { errorGroupOfLog } from '../errors/error-sightings.ts';
import { unpackPage } from '../pages/page-codec.ts';
import { fromCursor, toCursor } from '../pages/page-cursor.ts';
import { mayHave } from '../pages/term-filter.ts';
import { logText, serviceTerm, traceTerm, wordTerm } from '../pages/terms.ts';
import { matchesText, parseTextQuery, phrasesInJson } from '../pages/words.ts';
import { type Attributes, type LogLevel, type LogRecord, logLevels } from '../records.ts';
import { toTime } from '../traces/summary.ts';
import { linesPerPage } from '../writing/page-rows.ts';

/** Which lines match; all of what is given must hold. */
export interface LogFilter {
  readonly service?: string | undefined;
  /** This one and those more serious. */
  readonly level?: LogLevel | undefined;
  readonly traceId?: string | undefined;
  readonly text?: string | undefined;
}

/** A filter, in a window of time, and how much of it is wanted. */
export interface LogQuery extends LogFilter {
  readonly fromUs: number;
  readonly toUs: number;
  readonly limit: number;
  readonly after?: string | undefined;
}

/** A line of a log as it was sent. */
export interface LogLine {
  readonly id: string;
  readonly at: string;
  readonly level: LogLevel;
  readonly service: string;
  readonly message: string;
  readonly traceId?: string;
  readonly spanId?: string;
  /** Of the error that it tells of. */
  readonly errorGroupId?: string;
  readonly attributes: Attributes;
}

/** One page of lines. */
export interface LogLines {
  readonly lines: readonly LogLine[];
  readonly next?: string;
}

interface Found {
  readonly id: number;
  readonly line: LogRecord;
}

interface PageRow {
  readonly page: number;
  readonly toUs: number;
  readonly body: Uint8Array;
}

const firstPages = 4;
const mostPages = 64;
const maxPages = 2_000;

/** Lines, newest first. */
export async function searchLogs(sql: Sql, query: LogQuery): Promise<LogLines> {
  const [beforeUs, beforeId] =
    query.after === undefined
      ? [query.toUs, 0]
      : fromCursor(query.after, [0, 0] as const as readonly [number, number]);
  const isMatch = logMatcher(query);
  const mayMatch = phrasesInJson(parseTextQuery(query.text ?? ''));
  const isInRange = ({ id, line }: Found) =>
    line.atUs >= query.fromUs && (line.atUs < beforeUs || (line.atUs === beforeUs && id < beforeId));
  const condition = conditionOf(sql, query, beforeUs);
  const found: Found[] = [];
  let place = { toUs: Number.MAX_SAFE_INTEGER, page: Number.MAX_SAFE_INTEGER };
  let read = 0;
  for (let size = firstPages; ; size = Math.min(size * 2, mostPages)) {
    const rows = await sql<PageRow>`
      select page, to_us, body from telemetry.log_pages
      where to_us >= ${query.fromUs} and (to_us, page) < (${place.toUs}::int8, ${place.page}::int8) and ${condition}
      order by to_us desc, page desc limit ${size}`;
    const pages = await Promise.all(
      rows.map(async ({ page, body }) => linesOf(page, await unpackPage(body, mayMatch))),
    );
    for (const each of pages.flat())
      if (isInRange(each) && isMatch(each.line, each.line.resource.service)) found.push(each);
    found.sort((a, b) => b.line.atUs - a.line.atUs || b.id - a.id);
    const last = rows.at(-1);
    if (last === undefined || rows.length < size) return toLines(found, query.limit, false);
    const sure = found[query.limit - 1];
    if (sure !== undefined && sure.line.atUs > last.toUs) return toLines(found, query.limit, true);
    place = last;
    read += rows.length;
    if (read >= maxPages) {
      // What is newer than all that is unread is sure; the rest is found again from there.
      const lines = found.filter(({ line }) => line.atUs > last.toUs).slice(0, query.limit);
      return { lines: lines.map(toLine), next: toCursor([last.toUs + 1, 0]) };
    }
  }
}

function linesOf(page: number, lines: readonly LogRecord[]): readonly Found[] {
  return lines.map((line, index) => ({ id: page * linesPerPage + index, line }));
}

function conditionOf(sql: Sql, query: LogQuery, beforeUs: number): SqlFragment {
  const terms: string[] = [];
  if (query.service !== undefined) terms.push(serviceTerm(query.service));
  if (query.traceId !== undefined) terms.push(traceTerm(query.traceId.toLowerCase()));
  for (const word of parseTextQuery(query.text ?? '').phrases.flat()) terms.push(wordTerm(word));
  const level = logLevels.indexOf(query.level ?? 'debug');
  return sql`from_us <= ${beforeUs} and max_level >= ${level} and ${mayHave(sql, terms)}`;
}

interface Matchable {
  readonly level: LogLevel;
  readonly traceId?: string | undefined;
  readonly message: string;
  readonly attributes: Attributes;
}

/** Whether a line is what the filter asks for. */
export function logMatcher(filter: LogFilter): (line: Matchable, service: string) => boolean {
  const least = logLevels.indexOf(filter.level ?? 'debug');
  const text = filter.text === undefined ? undefined : parseTextQuery(filter.text);
  const traceId = filter.traceId?.toLowerCase();
  return (line, service) =>
    (filter.service === undefined || service === filter.service) &&
    logLevels.indexOf(line.level) >= least &&
    (traceId === undefined || line.traceId === traceId) &&
    (text === undefined || matchesText(logText(line), text));
}

function toLines(found: readonly Found[], limit: number, isMore: boolean): LogLines {
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  const lines = shown.map(toLine);
  if (last === undefined || (found.length <= limit && !isMore)) return { lines };
  return { lines, next: toCursor([last.line.atUs, last.id]) };
}

export function toLine({ id, line }: Found): LogLine {
  const { atUs, level, resource, message, traceId, spanId, attributes } = line;
  const errorGroupId = errorGroupOfLog(line);
  return {
    id: String(id),
    at: toTime(atUs),
    level,
    service: resource.service,
    message,
    ...(traceId === undefined ? undefined : { traceId }),
    ...(spanId === undefined ? undefined : { spanId }),
    ...(errorGroupId === undefined ? undefined : { errorGroupId }),
    attributes,
  };
}

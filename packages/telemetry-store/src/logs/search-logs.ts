import type { Sql, SqlFragment } from '@banyan/core';
import { errorGroupOfLog } from '../errors/error-sightings.ts';
import { unpackPage } from '../pages/page-codec.ts';
import { fromCursor, toCursor } from '../pages/page-cursor.ts';
import { fieldText, type PageLook, wordTexts } from '../pages/page-look.ts';
import { ScanBudget } from '../pages/scan-budget.ts';
import { behind, type ScanPlace, scanPages } from '../pages/scan-pages.ts';
import { mayHave } from '../pages/term-filter.ts';
import { levelTerm, logText, serviceTerm, traceTerm, wordTerm } from '../pages/terms.ts';
import { matchesText, parseTextQuery } from '../pages/words.ts';
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
  /** Given if the search has stopped before it had as many as were asked for: what is older was not looked at, and `next` goes on there. */
  readonly searchedTo?: string;
}

interface Found {
  readonly id: number;
  readonly line: LogRecord;
}

/** Where an answer goes on. */
interface Start {
  readonly beforeUs: number;
  readonly beforeId: number;
  /** Newer pages have nothing that is older. */
  readonly scanUs: number;
}

/** Lines, newest first. */
export async function searchLogs(sql: Sql, query: LogQuery): Promise<LogLines> {
  const start = startOf(query);
  const { beforeUs, beforeId } = start;
  const isMatch = logMatcher(query);
  const look = lookOf(query);
  const isInRange = ({ id, line }: Found) =>
    line.atUs >= query.fromUs && (line.atUs < beforeUs || (line.atUs === beforeUs && id < beforeId));
  const budget = new ScanBudget();
  const read: Span[] = [];
  let found: Found[] = [];
  const pages = scanPages(sql, {
    table: 'telemetry.log_pages',
    fromUs: query.fromUs,
    place: behind(start.scanUs),
    condition: conditionOf(sql, query, beforeUs),
  });
  for await (const batch of pages) {
    let takenApart = 0;
    for (const { page, body, fromUs, toUs } of batch.rows) {
      const lines = await unpackPage<LogRecord>(body, look);
      takenApart += lines.length;
      read.push({ fromUs, toUs });
      for (const { place, item: line } of lines) {
        const each = { id: page * linesPerPage + place, line };
        if (isInRange(each) && isMatch(line, line.resource.service)) found.push(each);
      }
    }
    found = found
      .sort((a, b) => b.line.atUs - a.line.atUs || b.id - a.id)
      // One more, to know whether there are more.
      .slice(0, query.limit + 1);
    const { last } = batch;
    if (last === undefined) break;
    const sure = found[query.limit - 1];
    if (sure !== undefined && sure.line.atUs > last.toUs)
      return {
        lines: shownOf(found, query),
        next: toNext(sure.line.atUs, sure.id, [...read, atPlace(last)]),
      };
    budget.spend(batch, takenApart);
    // What is newer than all that is unread is sure; the rest is found again from there. Pages of one time are read to their end, or the next answer would be this one.
    if (budget.isSpent && last.toUs + 1 < beforeUs) {
      const lines = found.filter(({ line }) => line.atUs > last.toUs).map(toLine);
      const next = toNext(last.toUs + 1, 0, [...read, atPlace(last)]);
      return { lines, next, searchedTo: toTime(last.toUs + 1) };
    }
  }
  const lines = shownOf(found, query);
  const oldest = found[query.limit - 1];
  if (oldest === undefined || found.length <= query.limit) return { lines };
  return { lines, next: toNext(oldest.line.atUs, oldest.id, read) };
}

function startOf({ after, toUs }: LogQuery): Start {
  if (after === undefined) return { beforeUs: toUs, beforeId: 0, scanUs: Number.MAX_SAFE_INTEGER };
  const form = [0, 0, 0] as const as readonly [number, number, number];
  const [beforeUs, beforeId, scanUs] = fromCursor(after, form);
  return { beforeUs, beforeId, scanUs };
}

/** Times of a page. */
interface Span {
  readonly fromUs: number;
  readonly toUs: number;
}

const atPlace = ({ toUs }: ScanPlace): Span => ({ fromUs: 0, toUs });

/** Of the pages read, the next answer begins with the newest that has something as old. */
function toNext(beforeUs: number, beforeId: number, read: readonly Span[]): string {
  const scanUs = read.reduce(
    (most, { fromUs, toUs }) => (fromUs <= beforeUs ? Math.max(most, toUs) : most),
    0,
  );
  return toCursor([beforeUs, beforeId, scanUs]);
}

function shownOf(found: readonly Found[], { limit }: LogQuery): readonly LogLine[] {
  return found.slice(0, limit).map(toLine);
}

function conditionOf(sql: Sql, query: LogQuery, beforeUs: number): SqlFragment {
  const terms: string[] = [];
  const { service, level = 'debug' } = query;
  const levelTerms = service === undefined || level === 'debug' ? [] : [levelTerm(service, level)];
  if (service !== undefined) terms.push(serviceTerm(service));
  if (query.traceId !== undefined) terms.push(traceTerm(query.traceId.toLowerCase()));
  for (const word of parseTextQuery(query.text ?? '').phrases.flat()) terms.push(wordTerm(word));
  return sql`from_us <= ${beforeUs} and max_level >= ${logLevels.indexOf(level)} and ${mayHave(sql, terms)}
    and (form = 0 or ${mayHave(sql, levelTerms)})`;
}

function lookOf({ service, level = 'debug', traceId, text = '' }: LogQuery): PageLook {
  const levels = logLevels.slice(logLevels.indexOf(level)).flatMap((each) => fieldText('level', each));
  return {
    texts: [
      ...(traceId === undefined ? [] : fieldText('traceId', traceId)),
      ...wordTexts(parseTextQuery(text)),
    ],
    ...(service === undefined ? undefined : { isSender: (sender) => sender.service === service }),
    mayMatch:
      levels.length === logLevels.length ? undefined : (item) => levels.some((each) => item.includes(each)),
  };
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

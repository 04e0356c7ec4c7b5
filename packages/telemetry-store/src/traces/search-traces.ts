import type { Sql, SqlFragment } from '@banyan/core';
import { unpackPage } from '../pages/page-codec.ts';
import { fromCursor, toCursor } from '../pages/page-cursor.ts';
import { mayHave } from '../pages/term-filter.ts';
import { attributeTerm, keyTerm, spanTerm, spanText, valueText, wordTerm } from '../pages/terms.ts';
import { matchesText, parseTextQuery } from '../pages/words.ts';
import type { SpanRecord } from '../records.ts';
import { readSummaries, type TraceSummary } from './summary.ts';

/** Conditions of which all must hold for one span of a trace; the times are those of the trace's start. */
export interface TraceQuery {
  readonly fromUs: number;
  readonly toUs: number;
  readonly limit: number;
  readonly after?: string | undefined;
  readonly service?: string | undefined;
  readonly operation?: string | undefined;
  readonly minDurationUs?: number | undefined;
  readonly maxDurationUs?: number | undefined;
  readonly errorsOnly?: boolean | undefined;
  /** `key` or `key=value`. */
  readonly attributes?: readonly string[] | undefined;
  readonly text?: string | undefined;
}

/** One page of traces. */
export interface TracePage {
  readonly traces: readonly TraceSummary[];
  readonly next?: string;
}

/** A trace is found by a span that begins at most so long after the trace does. */
const reachUs = 3_600_000_000;
const firstPages = 8;
const mostPages = 64;
/** Then the answer has what was found, and `next` goes on from there. */
const maxPages = 2_000;
const highest = '~';

interface PageRow {
  readonly page: number;
  readonly toUs: number;
  readonly body: Uint8Array;
}

/** Traces, newest first. */
export async function searchTraces(sql: Sql, query: TraceQuery): Promise<TracePage> {
  const [beforeUs, beforeId, scanUs] =
    query.after === undefined
      ? [query.toUs, '', query.toUs + reachUs]
      : fromCursor(query.after, [0, '', 0] as const as readonly [number, string, number]);
  const isMatch = matcherOf(query);
  const condition = conditionOf(sql, query);
  const seen = new Set<string>();
  const found: TraceSummary[] = [];
  let place = { toUs: scanUs, page: Number.MAX_SAFE_INTEGER };
  let read = 0;
  for (let size = firstPages; ; size = Math.min(size * 2, mostPages)) {
    const rows = await readPages(sql, { query, condition, place, size });
    const pages = await Promise.all(rows.map(({ body }) => unpackPage<SpanRecord>(body)));
    const fresh = new Set<string>();
    for (const span of pages.flat()) if (!seen.has(span.traceId) && isMatch(span)) fresh.add(span.traceId);
    for (const traceId of fresh) seen.add(traceId);
    for (const summary of fresh.size === 0 ? [] : (await readSummaries(sql, [...fresh])).values()) {
      const { startUs, traceId } = summary;
      const isBefore = startUs < beforeUs || (startUs === beforeUs && traceId < beforeId);
      if (startUs >= query.fromUs && isBefore) found.push(summary);
    }
    found.sort((a, b) => b.startUs - a.startUs || (a.traceId < b.traceId ? 1 : -1));
    const last = rows.at(-1);
    if (last === undefined || rows.length < size) return toPage(found, query.limit, false);
    // No trace that is still unseen began later than the pages that are still unread.
    const sure = found[query.limit - 1];
    if (sure !== undefined && sure.startUs > last.toUs) return toPage(found, query.limit, true);
    place = last;
    read += rows.length;
    if (read >= maxPages) {
      const traces = found.slice(0, query.limit);
      const oldest = traces.at(-1)?.startUs ?? last.toUs;
      return { traces, next: toCursor([Math.min(oldest, last.toUs), highest, last.toUs]) };
    }
  }
}

function toPage(found: readonly TraceSummary[], limit: number, isMore: boolean): TracePage {
  const traces = found.slice(0, limit);
  const last = traces.at(-1);
  if (last === undefined || (found.length <= limit && !isMore)) return { traces };
  return { traces, next: toCursor([last.startUs, last.traceId, last.startUs + reachUs]) };
}

interface Reading {
  readonly query: TraceQuery;
  readonly condition: SqlFragment;
  readonly place: { readonly toUs: number; readonly page: number };
  readonly size: number;
}

async function readPages(sql: Sql, { query, condition, place, size }: Reading): Promise<PageRow[]> {
  return sql<PageRow>`
    select page, to_us, body from telemetry.span_pages
    where to_us >= ${query.fromUs} and (to_us, page) < (${place.toUs}::int8, ${place.page}::int8) and ${condition}
    order by to_us desc, page desc limit ${size}`;
}

/** What a page must have to be worth unpacking. */
function conditionOf(sql: Sql, query: TraceQuery): SqlFragment {
  const terms: string[] = [];
  const { service, operation, errorsOnly = false } = query;
  terms.push(spanTerm({ service, operation, isError: errorsOnly }));
  for (const each of query.attributes ?? []) {
    const { key, value } = splitAttribute(each);
    terms.push(value === undefined ? keyTerm(key) : attributeTerm(key, value));
  }
  for (const word of parseTextQuery(query.text ?? '').phrases.flat()) terms.push(wordTerm(word));
  return sql`${mayHave(sql, terms)} and max_duration_us >= ${query.minDurationUs ?? 0}`;
}

function matcherOf(query: TraceQuery): (span: SpanRecord) => boolean {
  const { service, operation, minDurationUs = 0, maxDurationUs = Number.POSITIVE_INFINITY } = query;
  const attributes = (query.attributes ?? []).map(splitAttribute);
  const text = query.text === undefined ? undefined : parseTextQuery(query.text);
  return (span) =>
    (service === undefined || span.resource.service === service) &&
    (operation === undefined || span.name === operation) &&
    (query.errorsOnly !== true || span.isError) &&
    span.durationUs >= minDurationUs &&
    span.durationUs <= maxDurationUs &&
    attributes.every(({ key, value }) => hasAttribute(span, key, value)) &&
    (text === undefined || matchesText(spanText(span), text));
}

function splitAttribute(text: string): { readonly key: string; readonly value: string | undefined } {
  const at = text.indexOf('=');
  return at === -1 ? { key: text, value: undefined } : { key: text.slice(0, at), value: text.slice(at + 1) };
}

function hasAttribute({ attributes }: SpanRecord, key: string, value: string | undefined): boolean {
  const found = attributes[key];
  return found !== undefined && (value === undefined || valueText(found) === value);
}

import type { Sql, SqlFragment } from '@banyan/core';
import { unpackPage } from '../pages/page-codec.ts';
import { fromCursor, toCursor } from '../pages/page-cursor.ts';
import { attributeTexts, fieldText, numberOf, type PageLook, wordTexts } from '../pages/page-look.ts';
import { ScanBudget } from '../pages/scan-budget.ts';
import { behind, scanPages } from '../pages/scan-pages.ts';
import { mayHave } from '../pages/term-filter.ts';
import { attributeTerm, keyTerm, spanTerm, spanText, valueText, wordTerm } from '../pages/terms.ts';
import { matchesText, parseTextQuery } from '../pages/words.ts';
import type { SpanRecord } from '../records.ts';
import { lateCondition } from './late-pages.ts';
import { readSummaries, type TraceSummary, toTime } from './summary.ts';

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
  /** Given if the search has stopped before it had as many as were asked for: traces that began before were not looked for, and `next` goes on there. */
  readonly searchedTo?: string;
}

/** A trace is found by a span that begins at most so long after the trace does, or, if it began before `toUs`, before what was read first. */
const reachUs = 3_600_000_000;
/** So many fit into a cursor that the API takes, of 2,000 characters. */
const mostCarried = 40;

/** A trace with a span that matches. */
interface Found {
  readonly summary: TraceSummary;
  /** The oldest page read so far that has such a span; a scan that goes on before it does not find the trace again. */
  pageToUs: number;
}

/** Where an answer ended. */
interface Resumption {
  readonly beforeUs: number;
  readonly beforeId: string;
  /** Pages are read on from there. */
  readonly scanUs: number;
  /** Ids of traces that were found, and begin before all that was shown. */
  readonly carried: readonly string[];
}

/** Traces, newest first. */
export async function searchTraces(sql: Sql, query: TraceQuery): Promise<TracePage> {
  const from = startOf(query);
  const isMatch = matcherOf(query);
  const isInRange = ({ startUs, traceId }: TraceSummary) =>
    startUs >= query.fromUs &&
    (startUs < from.beforeUs || (startUs === from.beforeUs && traceId < from.beforeId));
  const look = lookOf(query);
  const budget = new ScanBudget();
  /** Undefined: it matches, but lies outside of the times. */
  const seen = new Map<string, Found | undefined>();
  const found: Found[] = [];
  const add = async (traceIds: readonly string[], pageToUs: number) => {
    const summaries = traceIds.length === 0 ? new Map() : await readSummaries(sql, traceIds);
    for (const traceId of traceIds) {
      const summary = summaries.get(traceId);
      const each = summary !== undefined && isInRange(summary) ? { summary, pageToUs } : undefined;
      seen.set(traceId, each);
      if (each !== undefined) found.push(each);
    }
  };
  await add(from.carried, Number.MAX_SAFE_INTEGER);
  const late = await lateCondition(sql, {
    ...from,
    fromUs: query.fromUs,
    condition: conditionOf(sql, query),
  });
  const pages = scanPages(sql, {
    table: 'telemetry.span_pages',
    fromUs: query.fromUs,
    place: behind(from.scanUs),
    condition: late.condition,
  });
  for await (const batch of pages) {
    const { rows, last } = batch;
    let takenApart = 0;
    const fresh = new Map<string, number>();
    for (const { toUs, body } of rows) {
      const spans = await unpackPage<SpanRecord>(body, look);
      takenApart += spans.length;
      for (const { item } of spans) {
        if (!isMatch(item)) continue;
        const before = seen.get(item.traceId);
        if (before !== undefined) before.pageToUs = toUs;
        else if (!seen.has(item.traceId)) fresh.set(item.traceId, toUs);
      }
    }
    await add([...fresh.keys()], 0);
    for (const [traceId, toUs] of fresh) {
      const each = seen.get(traceId);
      if (each !== undefined) each.pageToUs = toUs;
    }
    found.sort(newestFirst);
    if (last === undefined) break;
    // No trace that is still unseen began later than the pages that are still unread.
    const sure = found[query.limit - 1];
    if (sure !== undefined && sure.summary.startUs > last.toUs)
      return toPage(found, { query, readToUs: last.toUs });
    budget.spend(batch, takenApart);
    const part = budget.isSpent ? toPart(found, { from, readToUs: last.toUs }) : undefined;
    if (part !== undefined) return part;
  }
  return toPage(found, { query, readToUs: undefined });
}

function startOf({ after, toUs }: TraceQuery): Resumption {
  if (after === undefined) return { beforeUs: toUs, beforeId: '', scanUs: toUs + reachUs, carried: [] };
  const form = [0, '', 0, ''] as const as readonly [number, string, number, string];
  const [beforeUs, beforeId, scanUs, ids] = fromCursor(after, form);
  const carried = ids.match(/[0-9a-f]{32}/g) ?? [];
  return { beforeUs, beforeId, scanUs, carried: carried.slice(0, mostCarried) };
}

function newestFirst({ summary: a }: Found, { summary: b }: Found): number {
  return b.startUs - a.startUs || (a.traceId < b.traceId ? 1 : -1);
}

interface PageEnd {
  readonly query: TraceQuery;
  /** Undefined: all was read. */
  readonly readToUs: number | undefined;
}

function toPage(found: readonly Found[], { query: { limit }, readToUs }: PageEnd): TracePage {
  const traces = found.slice(0, limit).map(({ summary }) => summary);
  const last = traces.at(-1);
  if (last === undefined || (found.length <= limit && readToUs === undefined)) return { traces };
  const rest = restOf(found.slice(limit), readToUs ?? 0);
  return { traces, next: toNext({ beforeUs: last.startUs, beforeId: last.traceId, ...rest }) };
}

/** What is sure when reading stops; undefined if the next request would begin where this one did. */
function toPart(
  found: readonly Found[],
  { from, readToUs }: { readonly from: Resumption; readonly readToUs: number },
): TracePage | undefined {
  const isSure = ({ summary }: Found) => summary.startUs > readToUs;
  const rest = restOf(
    found.filter((each) => !isSure(each)),
    readToUs,
  );
  if (rest.scanUs >= from.scanUs) return undefined;
  const traces = found.filter(isSure).map(({ summary }) => summary);
  const beforeUs = Math.min(readToUs + 1, from.beforeUs);
  // Where nothing of this time was left to read, what was said before still holds.
  const beforeId = beforeUs === from.beforeUs ? from.beforeId : '';
  return { traces, next: toNext({ beforeUs, beforeId, ...rest }), searchedTo: toTime(beforeUs) };
}

/** What the next answer is to begin with: few are carried, and as much is read again as finds the others. */
function restOf(found: readonly Found[], readToUs: number): Pick<Resumption, 'scanUs' | 'carried'> {
  const byPage = found.toSorted((a, b) => b.pageToUs - a.pageToUs);
  return {
    carried: byPage.slice(0, mostCarried).map(({ summary }) => summary.traceId),
    scanUs: Math.max(readToUs, byPage[mostCarried]?.pageToUs ?? 0),
  };
}

function toNext({ beforeUs, beforeId, scanUs, carried }: Resumption): string {
  return toCursor([beforeUs, beforeId, scanUs, carried.join('')]);
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

function lookOf(query: TraceQuery): PageLook {
  const {
    service,
    operation,
    errorsOnly,
    minDurationUs = 0,
    maxDurationUs = Number.POSITIVE_INFINITY,
  } = query;
  const hasDuration = minDurationUs > 0 || maxDurationUs < Number.POSITIVE_INFINITY;
  return {
    texts: [
      ...(query.attributes ?? []).map(splitAttribute).flatMap(({ key, value }) => attributeTexts(key, value)),
      ...(operation === undefined ? [] : fieldText('name', operation)),
      ...(errorsOnly === true ? fieldText('isError', true) : []),
      ...wordTexts(parseTextQuery(query.text ?? '')),
    ],
    ...(service === undefined ? undefined : { isSender: (sender) => sender.service === service }),
    mayMatch: hasDuration
      ? (item) => {
          const durationUs = numberOf(item, 'durationus');
          return durationUs >= minDurationUs && durationUs <= maxDurationUs;
        }
      : undefined,
  };
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

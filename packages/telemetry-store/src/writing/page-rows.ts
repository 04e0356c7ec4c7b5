import { packPage } from '../pages/page-codec.ts';
import { filterOf } from '../pages/term-filter.ts';
import { addLogTerms, addSpanTerms } from '../pages/terms.ts';
import { type LogRecord, logLevels, type SpanRecord } from '../records.ts';

const spansPerPage = 64;
export const linesPerPage = 128;
/** Of the filter of a page of lines: since 1, a service's levels are in it. */
export const logPageForm = 1;

export interface TracePart {
  readonly traceId: string;
  startUs: number;
  endUs: number;
  spans: number;
  errors: number;
  isRoot: boolean;
  /** Of the root, else of the earliest span. */
  service: string;
  operation: string;
  readonly services: Record<string, number>;
}

export interface SpanPage {
  readonly fromUs: number;
  readonly toUs: number;
  readonly maxDurationUs: number;
  readonly errors: number;
  readonly terms: Buffer;
  readonly body: Buffer;
  readonly parts: readonly TracePart[];
}

/** Spans of one trace stand together, so that few pages have it. */
export function toSpanPages(spans: readonly SpanRecord[]): Promise<readonly SpanPage[]> {
  const byTrace = Map.groupBy(spans, ({ traceId }) => traceId);
  return Promise.all(pagesOf([...byTrace.values()].flat(), spansPerPage).map(toSpanPage));
}

async function toSpanPage(spans: readonly SpanRecord[]): Promise<SpanPage> {
  const terms = new Set<string>();
  const parts = new Map<string, TracePart>();
  for (const span of spans) {
    addSpanTerms(terms, span);
    addToPart(parts, span);
  }
  const { fromUs, toUs } = rangeOf(spans.map(({ startUs }) => startUs));
  return {
    fromUs,
    toUs,
    maxDurationUs: spans.reduce((max, { durationUs }) => Math.max(max, durationUs), 0),
    errors: spans.filter(({ isError }) => isError).length,
    terms: filterOf(terms),
    body: await packPage(spans),
    parts: [...parts.values()],
  };
}

function addToPart(parts: Map<string, TracePart>, span: SpanRecord): void {
  const { traceId, startUs, durationUs, isError, parentId, resource, name } = span;
  const { service } = resource;
  const isRoot = parentId === undefined;
  let part = parts.get(traceId);
  if (part === undefined) {
    part = {
      traceId,
      startUs,
      endUs: startUs + durationUs,
      spans: 0,
      errors: 0,
      isRoot,
      service,
      operation: name,
      // No names of its own: a service may be called `constructor`.
      services: Object.create(null),
    };
    parts.set(traceId, part);
  }
  if (isRoot === part.isRoot ? startUs < part.startUs : isRoot) {
    part.service = service;
    part.operation = name;
    part.isRoot = isRoot;
  }
  part.startUs = Math.min(part.startUs, startUs);
  part.endUs = Math.max(part.endUs, startUs + durationUs);
  part.spans += 1;
  if (isError) part.errors += 1;
  part.services[service] = (part.services[service] ?? 0) + 1;
}

export interface LogPage {
  readonly fromUs: number;
  readonly toUs: number;
  readonly maxLevel: number;
  readonly terms: Buffer;
  readonly body: Buffer;
  readonly lines: readonly LogRecord[];
}

export function toLogPages(lines: readonly LogRecord[]): Promise<readonly LogPage[]> {
  return Promise.all(pagesOf(lines, linesPerPage).map(toLogPage));
}

async function toLogPage(lines: readonly LogRecord[]): Promise<LogPage> {
  const terms = new Set<string>();
  for (const line of lines) addLogTerms(terms, line);
  return {
    ...rangeOf(lines.map(({ atUs }) => atUs)),
    maxLevel: lines.reduce((max, { level }) => Math.max(max, logLevels.indexOf(level)), 0),
    terms: filterOf(terms),
    body: await packPage(lines),
    lines,
  };
}

function rangeOf(times: readonly number[]): { readonly fromUs: number; readonly toUs: number } {
  return { fromUs: Math.min(...times), toUs: Math.max(...times) };
}

function pagesOf<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  const pages: (readonly Item[])[] = [];
  for (let at = 0; at < items.length; at += size) pages.push(items.slice(at, at + size));
  return pages;
}

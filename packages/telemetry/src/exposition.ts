import { type Counter, type Gauge, Histogram } from './instruments.ts';
import type { MetricType } from './metric-names.ts';

/** Text formats of metrics and their content types. */
export const expositionContentTypes = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const;
export type ExpositionFormat = keyof typeof expositionContentTypes;

export interface Family {
  readonly type: MetricType;
  readonly name: string;
  /** Without `_total`. */
  readonly familyName: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** A value that is undefined means that the series has no such label. */
  series(): Iterable<readonly [values: readonly (string | undefined)[], series: Counter | Gauge | Histogram]>;
}

/**
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 * @see https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
 */
export function renderFamilies(families: readonly Family[], format: ExpositionFormat): string {
  let text = '';
  for (const family of families) {
    const title = format === 'openmetrics' ? family.familyName : family.name;
    const help = escapeText(family.help);
    text += `# HELP ${title} ${format === 'openmetrics' ? help.replaceAll('"', '\\"') : help}\n`;
    text += `# TYPE ${title} ${family.type}\n`;
    for (const [values, series] of family.series()) {
      const labels = family.labels.flatMap((label, index) => {
        const value = values[index];
        return value === undefined ? [] : [`${label}="${escapeValue(value)}"`];
      });
      text += renderSeries(family.name, labels, { series, format });
    }
  }
  return format === 'openmetrics' ? `${text}# EOF\n` : text;
}

function renderSeries(
  name: string,
  labels: readonly string[],
  { series, format }: { readonly series: Counter | Gauge | Histogram; readonly format: ExpositionFormat },
): string {
  if (!(series instanceof Histogram)) return `${name}${labelSet(labels)} ${formatNumber(series.value)}\n`;
  let text = '';
  let cumulative = 0;
  for (const [index, count] of series.counts.entries()) {
    cumulative += count;
    const bound = series.bounds[index];
    const le = `le="${bound === undefined ? '+Inf' : formatBound(bound)}"`;
    text += `${name}_bucket${labelSet([...labels, le])} ${formatNumber(cumulative)}${format === 'openmetrics' ? exemplarOf(series, index) : ''}\n`;
  }
  return `${text}${name}_sum${labelSet(labels)} ${formatNumber(series.sum)}\n${name}_count${labelSet(labels)} ${formatNumber(cumulative)}\n`;
}

/** Leads from a bucket to a trace; the other format has no words for it. */
function exemplarOf({ exemplars }: Histogram, bucket: number): string {
  const exemplar = exemplars?.[bucket];
  if (exemplar === undefined) return '';
  const { trace, value, atMs } = exemplar;
  return ` # {trace_id="${trace.traceId}",span_id="${trace.spanId}"} ${formatNumber(value)} ${atMs / 1_000}`;
}

function labelSet(labels: readonly string[]): string {
  return labels.length === 0 ? '' : `{${labels.join(',')}}`;
}

function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

/** Canonical as OpenMetrics asks (`1.0`, `0.25`, `1e+06`), in both formats alike: a bucket keeps its identity when the format changes. */
function formatBound(bound: number): string {
  const size = Math.abs(bound);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) {
    return bound.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeValue(value: string): string {
  return escapeText(value).replaceAll('"', '\\"');
}

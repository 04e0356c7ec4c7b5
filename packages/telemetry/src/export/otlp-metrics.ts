import type { Family } from '../exposition.ts';
import { type Exemplar, Histogram } from '../instruments.ts';
import type { Attributes } from '../spans/span.ts';
import { keyValue, keyValues, nanos } from './otlp-values.ts';

/** All metrics of a process at one moment. */
export interface MetricReading {
  readonly resource: Attributes;
  readonly families: readonly Family[];
  readonly startedMs: number;
  readonly atMs: number;
}

/** The body of `POST /v1/metrics`. */
export function encodeMetrics({ resource, families, startedMs, atMs }: MetricReading): string {
  const times = `"startTimeUnixNano":${nanos(startedMs * 1_000)},"timeUnixNano":${nanos(atMs * 1_000)}`;
  const list = families.map((family) => encodeFamily(family, times)).filter((text) => text !== undefined);
  return `{"resourceMetrics":[{"resource":{"attributes":[${keyValues(resource)}]},"scopeMetrics":[{"scope":{"name":"banyan"},"metrics":[${list.join(',')}]}]}]}`;
}

function encodeFamily(family: Family, times: string): string | undefined {
  const points: string[] = [];
  for (const [values, series] of family.series()) {
    const labels = family.labels.flatMap((label, index) => {
      const value = values[index];
      return value === undefined ? [] : [keyValue(label, value)];
    });
    const head = `{"attributes":[${labels.join(',')}],${times}`;
    points.push(
      series instanceof Histogram ? `${head},${bucketsOf(series)}}` : `${head},"asDouble":${series.value}}`,
    );
  }
  if (points.length === 0) return undefined;
  const head = `{"name":"${family.name}","description":${JSON.stringify(family.help)}`;
  const data = `"dataPoints":[${points.join(',')}]`;
  if (family.type === 'gauge') return `${head},"gauge":{${data}}}`;
  return family.type === 'counter'
    ? `${head},"sum":{${data},"aggregationTemporality":2,"isMonotonic":true}}`
    : `${head},"histogram":{${data},"aggregationTemporality":2}}`;
}

function encodeExemplar({ value, trace, atMs }: Exemplar): string {
  return `{"timeUnixNano":${nanos(atMs * 1_000)},"asDouble":${value},"traceId":"${trace.traceId}","spanId":"${trace.spanId}"}`;
}

function bucketsOf(series: Histogram): string {
  const { counts, bounds, sum } = series;
  let total = 0;
  const texts: string[] = [];
  for (const count of counts) {
    total += count;
    texts.push(`"${count}"`);
  }
  const exemplars = (series.exemplars ?? []).flatMap((each) =>
    each === undefined ? [] : [encodeExemplar(each)],
  );
  const examples = exemplars.length === 0 ? '' : `"exemplars":[${exemplars.join(',')}],`;
  return `${examples}"count":"${total}","sum":${sum},"bucketCounts":[${texts.join(',')}],"explicitBounds":[${bounds.join(',')}]`;
}

import type { HistogramValue, PointRecord, Resource } from '../records.ts';
import { type Parsed, parseRequest, type Shape } from './parsed.ts';
import {
  attributesOf,
  type Fields,
  isObject,
  itemsOf,
  microsOf,
  nameOf,
  optionalMicros,
  Refusal,
  textOf,
} from './values.ts';

/** Points of an `ExportMetricsServiceRequest`; summaries become gauges, one for each quantile. @throws ServiceError `invalid_otlp` */
export function parseMetrics(body: unknown, latestUs: number): Parsed<PointRecord> {
  return parseRequest(body, shape, latestUs);
}

const shape: Shape<PointRecord> = {
  groups: 'resourceMetrics',
  scopes: 'scopeMetrics',
  items: 'metrics',
  readersOf: pointReaders,
  latestOf: ({ atUs }) => atUs,
};

type About = Pick<PointRecord, 'resource' | 'name' | 'unit' | 'description'>;

function pointReaders(metric: Fields, resource: Resource): readonly (() => readonly PointRecord[])[] {
  const about: About = {
    resource,
    name: nameOf(metric['name'], 'name'),
    unit: textOf(metric['unit']),
    description: textOf(metric['description']),
  };
  const { gauge, sum, histogram, exponentialHistogram, summary } = metric;
  const pointsOf = (of: Fields, read: (point: Fields) => readonly PointRecord[]) =>
    itemsOf(of, 'dataPoints').map((point) => () => read(point));
  if (isObject(gauge)) return pointsOf(gauge, (point) => [numberPoint(point, about, undefined)]);
  if (isObject(sum)) return pointsOf(sum, (point) => [numberPoint(point, about, sum)]);
  if (isObject(histogram))
    return pointsOf(histogram, (point) => [
      histogramPoint(point, about, { of: histogram, value: explicit(point) }),
    ]);
  if (isObject(exponentialHistogram))
    return pointsOf(exponentialHistogram, (point) => [
      histogramPoint(point, about, { of: exponentialHistogram, value: exponential(point) }),
    ]);
  if (isObject(summary)) return pointsOf(summary, (point) => summaryPoints(point, about));
  throw new Refusal('a metric must be a gauge, a sum, a histogram or a summary');
}

const isDelta = (of: Fields) =>
  of['aggregationTemporality'] === 1 || of['aggregationTemporality'] === 'AGGREGATION_TEMPORALITY_DELTA';

function numberPoint(point: Fields, about: About, sum: Fields | undefined): PointRecord {
  const isCounter = sum !== undefined && (sum['isMonotonic'] === true || isDelta(sum));
  return {
    ...about,
    kind: isCounter ? 'counter' : 'gauge',
    labels: labelsOf(point),
    atUs: microsOf(point['timeUnixNano'], 'timeUnixNano'),
    startUs: isCounter ? optionalMicros(point['startTimeUnixNano']) : 0,
    isDelta: sum !== undefined && isDelta(sum),
    value: numberOf(point['asDouble'] ?? point['asInt']),
    histogram: undefined,
  };
}

function histogramPoint(
  point: Fields,
  about: About,
  { of, value }: { readonly of: Fields; readonly value: HistogramValue },
): PointRecord {
  return {
    ...about,
    kind: 'histogram',
    labels: labelsOf(point),
    atUs: microsOf(point['timeUnixNano'], 'timeUnixNano'),
    startUs: optionalMicros(point['startTimeUnixNano']),
    isDelta: isDelta(of),
    value: point['sum'] === undefined ? 0 : numberOf(point['sum']),
    histogram: value,
  };
}

const maxBounds = 512;

function explicit(point: Fields): HistogramValue {
  const bounds = numbersOf(point['explicitBounds'] ?? []);
  const counts = numbersOf(point['bucketCounts'] ?? []);
  if (counts.length === 0) return { bounds: [], counts: [numberOf(point['count'] ?? 0)] };
  if (counts.length !== bounds.length + 1)
    throw new Refusal('bucketCounts must be one more than explicitBounds');
  return { bounds, counts };
}

/** Bucket `index` holds what is above base^index, up to base^(index + 1); base is 2^(2^-scale). */
function exponential(point: Fields): HistogramValue {
  const scale = numberOf(point['scale'] ?? 0);
  const positive = isObject(point['positive']) ? point['positive'] : {};
  const counts = numbersOf(positive['bucketCounts'] ?? []);
  const offset = numberOf(positive['offset'] ?? 0);
  const bound = (index: number) => 2 ** ((offset + index) * 2 ** -scale);
  const bounds = Array.from({ length: counts.length + 1 }, (_, index) => bound(index));
  if (!bounds.every(Number.isFinite)) throw new Refusal('the buckets are larger than numbers are');
  return { bounds, counts: [numberOf(point['zeroCount'] ?? 0), ...counts, 0] };
}

function summaryPoints(point: Fields, about: About): readonly PointRecord[] {
  const labels = labelsOf(point);
  return itemsOf(point, 'quantileValues').map((each) => ({
    ...about,
    kind: 'gauge',
    labels: { ...labels, quantile: String(numberOf(each['quantile'])) },
    atUs: microsOf(point['timeUnixNano'], 'timeUnixNano'),
    startUs: 0,
    isDelta: false,
    value: numberOf(each['value']),
    histogram: undefined,
  }));
}

function labelsOf(point: Fields): Readonly<Record<string, string>> {
  const entries = Object.entries(attributesOf(point['attributes'])).map(
    ([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const,
  );
  // One order, so that equal sets of labels are equal texts.
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function numberOf(value: unknown): number {
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new Refusal('a value must be a number');
  return number;
}

function numbersOf(values: unknown): readonly number[] {
  if (!Array.isArray(values) || values.length > maxBounds)
    throw new Refusal('buckets must be a list of numbers');
  return values.map(numberOf);
}

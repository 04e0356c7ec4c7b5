import { type ExpositionFormat, type Family, renderFamilies } from './exposition.ts';
import {
  Counter,
  type CounterSeries,
  Gauge,
  type GaugeSeries,
  Histogram,
  type HistogramSeries,
} from './instruments.ts';
import { checkMetric, type MetricOptions, type MetricType } from './metric-names.ts';
import { type OpenFamily, type OpenFamilyOptions, OpenSeries } from './open-series.ts';
import { type Labelled, LabelledSeries } from './series.ts';

export interface HistogramOptions extends MetricOptions {
  /** Upper bounds, ascending; `+Inf` is added. Default: {@link defaultBuckets}, in seconds. */
  readonly buckets?: readonly number[];
}

/** Seconds from 1 ms to 10 s: what a call in a system of services takes. */
export const defaultBuckets: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/**
 * The metrics of one process. Keep what `labels(...)` returns and use that on a hot path: it records without allocating. A measurement never
 * fails the work that it measures: values that are not finite, and negative increments, are ignored.
 *
 * Defining a metric again with the same type, labels, help and buckets gives the same metric; anything else under a used name throws a TypeError, until
 * all who defined it have released it.
 */
export interface Metrics {
  counter(options: MetricOptions): Labelled<CounterSeries>;
  gauge(options: MetricOptions): Labelled<GaugeSeries>;
  histogram(options: HistogramOptions): Labelled<HistogramSeries>;
  /**
   * A metric of a library, whose labels come with its measurements; what finds no room among its series keeps the labels `kept`. Undefined if the name is
   * taken by something else, or by too many of its kind. A definition by the other methods takes the name from it.
   */
  openFamily(options: OpenFamilyOptions, kept: readonly string[]): OpenFamily | undefined;
  /**
   * Takes one definition of that metric back. What was counted stays on the page until another definition takes the name: what a service did last is told
   * even when it has stopped.
   */
  release(name: string): void;
  /** Runs `collect` before each `render`, for values that are read rather than counted. Returns a function that ends it. */
  onCollect(collect: () => void): () => void;
  /** All metrics as text, in the order of their definition. Default format `prometheus`. */
  render(format?: ExpositionFormat): string;
}

/** A registry whose metrics leave by another way than its page. */
export function readFamilies(metrics: Metrics): readonly Family[] {
  return metrics instanceof MetricRegistry ? metrics.collect() : [];
}

export function createMetrics(): Metrics {
  return new MetricRegistry();
}

const defaultMaxSeries = 1_000;
/** Names of libraries are theirs to choose, and may be without end. */
const maxOpenFamilies = 500;

interface Defined<Series extends Counter | Gauge | Histogram> {
  readonly type: MetricType;
  readonly fingerprint: string;
  readonly series: LabelledSeries<Series>;
  readonly family: Family;
  /** Definitions that nobody has taken back. */
  users: number;
}

interface Open {
  readonly fingerprint: string;
  readonly open: OpenSeries;
  readonly family: Family;
}

class MetricRegistry implements Metrics {
  readonly #defined = new Map<string, Defined<Counter> | Defined<Gauge> | Defined<Histogram>>();
  readonly #open = new Map<string, Open>();
  readonly #collectors = new Set<{ readonly collect: () => void }>();

  counter(options: MetricOptions): Labelled<CounterSeries> {
    checkMetric('counter', options);
    return this.#define('counter', options, () => new Counter());
  }

  gauge(options: MetricOptions): Labelled<GaugeSeries> {
    checkMetric('gauge', options);
    return this.#define('gauge', options, () => new Gauge());
  }

  histogram(options: HistogramOptions): Labelled<HistogramSeries> {
    checkMetric('histogram', options);
    const bounds = checkBuckets(options);
    return this.#define('histogram', { ...options, buckets: bounds }, () => new Histogram(bounds));
  }

  openFamily(options: OpenFamilyOptions, kept: readonly string[]): OpenFamily | undefined {
    const { type, name, help, buckets } = options;
    checkMetric(type, options);
    const bounds =
      type === 'histogram' ? checkBuckets({ ...options, buckets: buckets ?? defaultBuckets }) : [];
    const familyName = familyNameOf(type, name);
    const fingerprint = JSON.stringify([type, name, bounds]);
    const before = this.#open.get(familyName);
    if (before !== undefined) return before.fingerprint === fingerprint ? before.open : undefined;
    if (this.#defined.has(familyName) || this.#open.size >= maxOpenFamilies) return undefined;
    const open = new OpenSeries(kept, () =>
      type === 'counter' ? new Counter() : type === 'gauge' ? new Gauge() : new Histogram(bounds),
    );
    const { labels } = open;
    const family: Family = { type, name, familyName, help, labels, series: () => open.entries() };
    this.#open.set(familyName, { fingerprint, open, family });
    return open;
  }

  release(name: string): void {
    const defined = [...this.#defined.values()].find(({ family }) => family.name === name);
    if (defined !== undefined) defined.users -= 1;
  }

  onCollect(collect: () => void): () => void {
    const entry = { collect };
    this.#collectors.add(entry);
    return () => {
      this.#collectors.delete(entry);
    };
  }

  render(format: ExpositionFormat = 'prometheus'): string {
    return renderFamilies(this.collect(), format);
  }

  collect(): readonly Family[] {
    for (const { collect } of this.#collectors) collect();
    return [...this.#defined.values(), ...this.#open.values()].map(({ family }) => family);
  }

  #define<Series extends Counter | Gauge | Histogram>(
    type: MetricType,
    options: HistogramOptions,
    create: () => Series,
  ): LabelledSeries<Series> {
    const { name, help, labels = [], maxSeries = defaultMaxSeries, buckets } = options;
    const familyName = familyNameOf(type, name);
    const fingerprint = JSON.stringify([type, name, help, labels, maxSeries, buckets]);
    const before = this.#defined.get(familyName);
    if (before?.fingerprint === fingerprint) {
      before.users += 1;
      return before.series as unknown as LabelledSeries<Series>;
    }
    if (before !== undefined && before.users > 0) {
      throw new TypeError(
        `${type} '${name}': the name is taken by another definition; rename one or make both the same.`,
      );
    }
    // What a library chose must not keep a service from starting.
    this.#open.delete(familyName);
    const series = new LabelledSeries({ name, labels, maxSeries }, create);
    const family: Family = { type, name, familyName, help, labels, series: () => series.entries() };
    this.#defined.set(familyName, { type, fingerprint, series, family, users: 1 } as Defined<Counter>);
    return series;
  }
}

/** OpenMetrics names a counter's family without the ending, so `x` and `x_total` would be one. */
function familyNameOf(type: MetricType, name: string): string {
  return type === 'counter' ? name.slice(0, -'_total'.length) : name;
}

function checkBuckets(options: HistogramOptions): readonly number[] {
  const bounds = (options.buckets ?? defaultBuckets).filter((bound) => bound !== Number.POSITIVE_INFINITY);
  const ascending = bounds.every(
    (bound, index) => Number.isFinite(bound) && (index === 0 || bound > (bounds[index - 1] ?? Number.NaN)),
  );
  if (bounds.length === 0 || bounds.length > 200 || !ascending) {
    throw new TypeError(`histogram '${options.name}': give 1 to 200 buckets in ascending order.`);
  }
  return bounds;
}

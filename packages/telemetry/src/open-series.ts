import type { TraceContext } from '@banyan/core';
import { type Counter, type Gauge, Histogram } from './instruments.ts';
import type { MetricType } from './metric-names.ts';

/** A metric whose label names are not known before it is measured: one of a library. */
export interface OpenFamilyOptions {
  readonly type: MetricType;
  /** As in {@link MetricOptions}. */
  readonly name: string;
  readonly help: string;
  /** Of a histogram. Default: those of the registry. */
  readonly buckets?: readonly number[] | undefined;
}

/** Label values by label name; a series need not have all labels of its family. */
export type OpenLabels = ReadonlyMap<string, string>;

/** The series of a metric whose labels come with its measurements. Bounded, whatever those are. */
export interface OpenFamily {
  /** Adds to a counter or a gauge, or counts `value` in a histogram. @param trace of what was measured, see `HistogramSeries` */
  add(labels: OpenLabels, value: number, trace?: TraceContext): void;
  /** Sets a gauge, or a counter that somebody else counts. */
  set(labels: OpenLabels, value: number): void;
  /** Forgets all series: those of the next reading are all there is. */
  clear(): void;
}

type Series = Counter | Gauge | Histogram;

const maxSeries = 1_000;
const maxLabels = 24;
/** Longer label values are cut, as those of other metrics. */
const maxValueLength = 200;
/** Says of a series that it stands for all that found no room, in the words of OpenTelemetry. */
const overflow = 'otel_metric_overflow';

/** @param kept labels that what found no room keeps; their values must be few */
export class OpenSeries implements OpenFamily {
  readonly labels: string[] = [overflow];
  readonly #places = new Map<string, number>([[overflow, 0]]);
  readonly #create: () => Series;
  readonly #kept: readonly string[];
  readonly #series = new Map<
    string,
    { readonly values: readonly (string | undefined)[]; readonly series: Series }
  >();

  constructor(kept: readonly string[], create: () => Series) {
    this.#kept = kept;
    this.#create = create;
  }

  add(labels: OpenLabels, value: number, trace?: TraceContext): void {
    const series = this.#of(labels);
    if (series instanceof Histogram) series.observe(value, trace);
    else series.inc(value);
  }

  set(labels: OpenLabels, value: number): void {
    const series = this.#of(labels);
    if (!(series instanceof Histogram) && Number.isFinite(value)) series.value = value;
  }

  clear(): void {
    this.#series.clear();
  }

  *entries(): Iterable<readonly [values: readonly (string | undefined)[], series: Series]> {
    for (const { values, series } of this.#series.values()) yield [values, series];
  }

  #of(labels: OpenLabels): Series {
    const values = this.#valuesOf(labels);
    const key = keyOf(values);
    const known = this.#series.get(key);
    if (known !== undefined) return known.series;
    if (this.#series.size < maxSeries) return this.#add(key, values);
    const few = this.#valuesOf(new Map([...labels].filter(([name]) => this.#kept.includes(name))));
    few[0] = 'true';
    const fewKey = keyOf(few);
    return this.#series.get(fewKey)?.series ?? this.#add(fewKey, few);
  }

  /** In the order in which the labels were first seen. One that comes when there are too many is left out, and its series are one. */
  #valuesOf(labels: OpenLabels): (string | undefined)[] {
    const values: (string | undefined)[] = [];
    for (const [name, value] of labels) {
      let place = this.#places.get(name);
      if (place === undefined) {
        if (this.labels.length >= maxLabels) continue;
        place = this.labels.push(name) - 1;
        this.#places.set(name, place);
      }
      values[place] = value.slice(0, maxValueLength).toWellFormed();
    }
    return values;
  }

  #add(key: string, values: readonly (string | undefined)[]): Series {
    const series = this.#create();
    this.#series.set(key, { values, series });
    return series;
  }
}

/** With lengths, so that no choice of values makes two lists alike; a label that is not there is not an empty one. */
function keyOf(values: readonly (string | undefined)[]): string {
  let key = '';
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index];
    key += value === undefined ? '-' : `${value.length}:${value}`;
  }
  return key;
}

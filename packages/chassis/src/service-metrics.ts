import { type Contract, type Metric, type MetricsOf, metricName } from '@banyan/contract';
import type { TraceContext } from '@banyan/core';
import type { CounterSeries, GaugeSeries, HistogramSeries, Labelled, Metrics } from '@banyan/telemetry';
import type { Outgoing } from './outgoing.ts';

/** What decides when a measurement counts. */
export type Recording = (measurement: () => void) => void;

/** The metrics that a service's contract declares, on the page of its process. */
export interface ServiceMetrics {
  /** Each measurement counts when `record` runs it; with the trace as an example of it, if there is one and it is sampled. */
  measure(trace: () => TraceContext | undefined, record: Recording): MetricsOf<Contract>;
  /** What was counted stays on the page; the next service may define the names in another way. */
  close(): void;
}

/** Of a contract that declares none. */
const nothing: ServiceMetrics = { measure: () => ({}), close: () => {} };

/** @throws TypeError if another service of the process has another metric of the same name */
export function createServiceMetrics(registry: Metrics, service: string, contract: Contract): ServiceMetrics {
  const declared = Object.entries(contract.metrics);
  if (declared.length === 0) return nothing;
  const defined: [name: string, instrument: Instrument][] = [];
  const names: string[] = [];
  const close = () => {
    for (const name of names.splice(0)) registry.release(name);
  };
  try {
    for (const [name, metric] of declared) {
      defined.push([name, define(registry, service, metric)]);
      names.push(metricName(metric));
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    // The types follow from the contract, which is erased here.
    measure: (trace, record) =>
      Object.fromEntries(defined.map(([name, instrument]) => [name, instrument(trace, record)])) as never,
    close,
  };
}

/** At once, whatever becomes of the work. */
export const atOnce: Recording = (measurement) => measurement();

/** If the transaction commits. */
export function onceCommitted(outgoing: Outgoing[]): Recording {
  return (afterCommit) => {
    outgoing.push({ afterCommit });
  };
}

type Given = readonly unknown[];
type Instrument = (trace: () => TraceContext | undefined, record: Recording) => object;

function define(registry: Metrics, service: string, metric: Metric): Instrument {
  const { type, help, buckets } = metric;
  const options = { name: metricName(metric), help, labels: ['service', ...Object.keys(metric.labels)] };
  if (type === 'counter') return countWith(select(registry.counter(options), service, metric));
  if (type === 'gauge') return setWith(select(registry.gauge(options), service, metric));
  const histogram = registry.histogram({ ...options, ...(buckets && { buckets }) });
  return observeWith(select(histogram, service, metric));
}

function countWith(seriesOf: Select<CounterSeries>): Instrument {
  return (_, record) => ({
    inc: (...given: Given) => {
      const { series, value = 1 } = seriesOf(given);
      record(() => series.inc(value));
    },
  });
}

function setWith(seriesOf: Select<GaugeSeries>): Instrument {
  return (_, record) => ({
    set: (...given: Given) => {
      const { series, value = Number.NaN } = seriesOf(given);
      record(() => series.set(value));
    },
    inc: (...given: Given) => {
      const { series, value } = seriesOf(given);
      record(() => series.inc(value));
    },
    dec: (...given: Given) => {
      const { series, value } = seriesOf(given);
      record(() => series.dec(value));
    },
  });
}

function observeWith(seriesOf: Select<HistogramSeries>): Instrument {
  return (trace, record) => ({
    observe: (...given: Given) => {
      const { series, value = Number.NaN } = seriesOf(given);
      record(() => series.observe(value, trace()));
    },
  });
}

type Select<Series> = (given: Given) => { readonly series: Series; readonly value: number | undefined };

/** Takes the arguments of an instrument apart: labels, if the metric has any, and a value. */
function select<Series>(
  labelled: Labelled<Series>,
  service: string,
  { type, labels }: Metric,
): Select<Series> {
  const entries = Object.entries(labels);
  // So that a rate has a start. A gauge that nobody has set would say 0 without knowing it.
  if (type !== 'gauge') for (const values of combinations(entries)) labelled.labels(service, ...values);
  if (entries.length === 0) {
    return ([value]) => ({ series: labelled.labels(service), value: numberOf(value) });
  }
  return ([chosen, value]) => {
    const given = (chosen ?? {}) as Readonly<{ [label: string]: unknown }>;
    // The compiler knows the values; what comes past it cannot fill the page.
    const values = entries.map(([label, known]) => known.find((each) => each === given[label]) ?? 'other');
    return { series: labelled.labels(service, ...values), value: numberOf(value) };
  };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function combinations(
  labels: readonly (readonly [string, readonly string[]])[],
): readonly (readonly string[])[] {
  return labels.reduce<readonly (readonly string[])[]>(
    (before, [, values]) => before.flatMap((chosen) => values.map((value) => [...chosen, value])),
    [[]],
  );
}

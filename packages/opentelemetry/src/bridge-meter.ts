import { defaultBuckets, type MetricType } from '@banyan/telemetry';
import type {
  Attributes,
  BatchObservableCallback,
  Context,
  Counter,
  Gauge,
  Histogram,
  Meter,
  MeterProvider,
  MetricOptions,
  Observable,
  UpDownCounter,
} from '@opentelemetry/api';
import { toText } from './bridge-span.ts';
import { isNumber, type MeasuredProcesses, Measurements } from './measurements.ts';
import { ObservedInstrument, Readings } from './observed.ts';

export interface BridgeMeters extends MeterProvider {
  /** Asks what is observed, for a page. */
  read(): void;
}

/** Meters whose instruments are on the pages of `processes`. */
export function createBridgeMeters(processes: MeasuredProcesses): BridgeMeters {
  const meters = new Map<string, Meter>();
  const readings = new Readings();
  return {
    getMeter(library) {
      const name = toText(library);
      const meter = meters.get(name) ?? new BridgeMeter({ library: name, processes, readings });
      if (meters.size < maxKept) meters.set(name, meter);
      return meter;
    },
    read: () => readings.read(),
  };
}

/** Meters, and instruments of each: the same ones are asked for again and again, by some libraries at every request. */
const maxKept = 1_000;
/** Of the OpenTelemetry specification, for whatever has no unit of its own. */
const plainBuckets = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000];

interface MeterOptions {
  readonly library: string;
  readonly processes: MeasuredProcesses;
  readonly readings: Readings;
}

class BridgeMeter implements Meter {
  readonly #options: MeterOptions;
  readonly #kept = new Map<string, Measurements>();
  readonly #observed = new Map<string, ObservedInstrument>();

  constructor(options: MeterOptions) {
    this.#options = options;
  }

  createCounter(name: string, options?: MetricOptions): Counter {
    const counted = this.#measure('counter', name, options);
    return {
      add(value: number, attributes?: Attributes, context?: Context) {
        if (value >= 0) counted.add(value, attributes, context);
      },
    };
  }

  createUpDownCounter(name: string, options?: MetricOptions): UpDownCounter {
    const counted = this.#measure('gauge', name, options);
    return { add: (value, attributes, context) => counted.add(value, attributes, context) };
  }

  createHistogram(name: string, options?: MetricOptions): Histogram {
    const recorded = this.#measure('histogram', name, options);
    return { record: (value, attributes, context) => recorded.add(value, attributes, context) };
  }

  createGauge(name: string, options?: MetricOptions): Gauge {
    const recorded = this.#measure('gauge', name, options);
    return { record: (value, attributes, context) => recorded.set(value, attributes, context) };
  }

  createObservableCounter(name: string, options?: MetricOptions): ObservedInstrument {
    return this.#observe('counter', name, options);
  }

  createObservableUpDownCounter(name: string, options?: MetricOptions): ObservedInstrument {
    return this.#observe('gauge', name, options);
  }

  createObservableGauge(name: string, options?: MetricOptions): ObservedInstrument {
    return this.#observe('gauge', name, options);
  }

  addBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    this.#options.readings.addBatch(callback, observables);
  }

  removeBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    this.#options.readings.remove(callback, observables);
  }

  #observe(type: MetricType, name: string, options?: MetricOptions): ObservedInstrument {
    const key = `${type} ${toText(name)}`;
    const known = this.#observed.get(key);
    if (known !== undefined) return known;
    const instrument = new ObservedInstrument(this.#measure(type, name, options), this.#options.readings);
    if (this.#observed.size < maxKept) this.#observed.set(key, instrument);
    return instrument;
  }

  #measure(type: MetricType, given: string, options: MetricOptions = {}): Measurements {
    const name = toText(given);
    const key = `${type} ${name}`;
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const { library: scope, processes } = this.#options;
    const unit = typeof options.unit === 'string' ? options.unit : '';
    const help = toText(options.description ?? '').trim() || `${name} of ${scope}`;
    const buckets = type === 'histogram' ? bucketsOf(options, unit) : undefined;
    const measurements = new Measurements({ type, scope, name, help, unit, buckets }, processes);
    if (this.#kept.size < maxKept) this.#kept.set(key, measurements);
    return measurements;
  }
}

/** What a library advises, if it is a list of bounds. */
function bucketsOf({ advice }: MetricOptions, unit: string): readonly number[] {
  const advised: readonly unknown[] = advice?.explicitBucketBoundaries ?? [];
  const bounds = [...new Set(advised.filter(isNumber))].sort((left, right) => left - right).slice(0, 200);
  return bounds.length > 0 ? bounds : unit === 's' ? defaultBuckets : plainBuckets;
}

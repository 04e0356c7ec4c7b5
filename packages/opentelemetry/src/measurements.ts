import { isSecretName, type Metrics, type MetricType, type OpenFamily, redacted } from '@banyan/telemetry';
import { type Attributes, type Context, context as contexts, trace } from '@opentelemetry/api';
import { BridgeSpan, isPrimitive, toText } from './bridge-span.ts';
import { labelNameOf, metricNameOf } from './metric-name.ts';
import { type HandlerPlace, placeOf } from './place-context.ts';

export interface InstrumentOptions {
  readonly type: MetricType;
  /** Of the library. */
  readonly scope: string;
  readonly name: string;
  readonly help: string;
  readonly unit: string;
  readonly buckets: readonly number[] | undefined;
}

/** Label names that mean something else than an attribute. */
const ownLabels: ReadonlySet<string> = new Set(['service', 'otel_scope_name', 'otel_metric_overflow', 'le']);
/** What is left of a measurement that finds no room: these have few values. */
const keptLabels = ['service', 'otel_scope_name'];

/** The metrics of the processes whose handlers run here: one, but for tests. The first one has what is measured outside of any handler. */
export class MeasuredProcesses {
  readonly #all: Metrics[] = [];

  get first(): Metrics | undefined {
    return this.#all[0];
  }

  add(metrics: Metrics): () => void {
    this.#all.push(metrics);
    return () => {
      const index = this.#all.indexOf(metrics);
      if (index >= 0) this.#all.splice(index, 1);
    };
  }
}

/** One instrument of a library, on the page of whichever process it is used in. */
export class Measurements {
  readonly #options: InstrumentOptions;
  readonly #processes: MeasuredProcesses;
  readonly #families = new WeakMap<Metrics, OpenFamily | { readonly isTaken: true }>();

  constructor(options: InstrumentOptions, processes: MeasuredProcesses) {
    this.#options = options;
    this.#processes = processes;
  }

  /** @param context of what is measured; default the active one */
  add(value: unknown, attributes: Attributes | undefined, context: Context = contexts.active()): void {
    if (!isNumber(value)) return;
    const place = placeOf(context);
    const span = trace.getSpan(context);
    const example = span instanceof BridgeSpan && span.isRecording() ? span.own : undefined;
    this.#familyIn(place)?.add(this.#labelsOf(attributes, place), value, example);
  }

  set(value: unknown, attributes: Attributes | undefined, context: Context = contexts.active()): void {
    if (!isNumber(value)) return;
    const place = placeOf(context);
    this.#familyIn(place)?.set(this.#labelsOf(attributes, place), value);
  }

  /** Outside of any handler: all that there is of the instrument. */
  replace(observed: readonly Observation[]): void {
    const family = this.#familyIn(undefined);
    if (family === undefined) return;
    family.clear();
    for (const { value, attributes } of observed) family.set(this.#labelsOf(attributes, undefined), value);
  }

  #familyIn(place: HandlerPlace | undefined): OpenFamily | undefined {
    const metrics = place?.metrics ?? this.#processes.first;
    if (metrics === undefined) return undefined;
    let family = this.#families.get(metrics);
    if (family === undefined) {
      const { type, name, help, unit, buckets } = this.#options;
      const onPage = { type, name: metricNameOf(type, name, unit), help, buckets };
      family = metrics.openFamily(onPage, keptLabels) ?? { isTaken: true };
      this.#families.set(metrics, family);
    }
    return 'isTaken' in family ? undefined : family;
  }

  #labelsOf(attributes: Attributes | undefined, place: HandlerPlace | undefined): Map<string, string> {
    const labels = new Map<string, string>();
    if (place !== undefined) labels.set('service', place.service);
    labels.set('otel_scope_name', this.#options.scope);
    for (const [name, value] of Object.entries(attributes ?? {})) {
      const text = [value].flat().filter(isPrimitive).join(',');
      if (text !== '' || value === '')
        labels.set(labelNameOf(clean(name), ownLabels), isSecretName(name) ? redacted : clean(text));
    }
    return labels;
  }
}

export interface Observation {
  readonly value: number;
  readonly attributes: Attributes | undefined;
}

export function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** To search a text for secrets takes longer than to measure, and the same few come again and again. */
const cleaned = new Map<string, string>();
const maxCleaned = 2_000;
/** More than a label keeps, so that what is cut is no secret that only its end gives away. */
const maxText = 1_000;

function clean(given: string): string {
  const text = given.slice(0, maxText);
  let known = cleaned.get(text);
  if (known === undefined) {
    known = toText(text);
    if (cleaned.size >= maxCleaned) cleaned.clear();
    cleaned.set(text, known);
  }
  return known;
}

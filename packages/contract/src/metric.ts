export const metricTypes = ['counter', 'gauge', 'histogram'] as const;
export type MetricType = (typeof metricTypes)[number];

/** Every value that each label can have. */
export type MetricLabels = Readonly<Record<string, readonly string[]>>;

/** Something about the business that a service counts or measures, and whoever runs it wants to see. */
export interface Metric<Type extends MetricType = MetricType, Labels extends MetricLabels = MetricLabels> {
  readonly kind: 'metric';
  readonly type: Type;
  /** Name of the owning contract; empty until `contract()` adopts the metric. */
  readonly service: string;
  /** Key in the contract's `metrics`; empty until `contract()` adopts the metric. */
  readonly name: string;
  /** One sentence: what is counted or measured. */
  readonly help: string;
  /** Of the values, in the plural: `seconds`, `euros`. */
  readonly unit: string | undefined;
  readonly labels: Labels;
  /** Of a histogram: upper bounds, ascending. Undefined: those for seconds, 1 ms to 10 s. */
  readonly buckets: readonly number[] | undefined;
}

export interface MetricOptions<Labels extends MetricLabels> {
  /** Base unit in the plural, which ends the name on the page: `seconds` rather than milliseconds, `bytes`, `euros`. Default: things, such as orders. */
  readonly unit?: string;
  /** What is told apart, with every value that there can be; at most 100 combinations. */
  readonly labels?: Labels;
}

export interface HistogramMetricOptions<Labels extends MetricLabels> extends MetricOptions<Labels> {
  /** Upper bounds, ascending, 1 to 50; `+Inf` is added. May be left out for seconds: 1 ms to 10 s. */
  readonly buckets?: readonly number[];
}

// `NoInfer`: without it the labels would be inferred from what a contract may have, rather than from what is given.

/**
 * Declares a number that only grows: `counter('Orders that were refused.', { labels: { reason: ['sold_out', 'card_declined'] } })`. What it is
 * called on `/metrics` follows from the contract: `orders_rejected_total`.
 */
export function counter<
  // biome-ignore lint/complexity/noBannedTypes: `{}` is the empty record of labels.
  const Labels extends MetricLabels = {},
>(help: string, options: MetricOptions<Labels> = {}): Metric<'counter', NoInfer<Labels>> {
  return declare('counter', help, options);
}

/** Declares a value that goes up and down, of each instance by itself. On `/metrics` as soon as it was set. */
export function gauge<
  // biome-ignore lint/complexity/noBannedTypes: `{}` is the empty record of labels.
  const Labels extends MetricLabels = {},
>(help: string, options: MetricOptions<Labels> = {}): Metric<'gauge', NoInfer<Labels>> {
  return declare('gauge', help, options);
}

/** Declares measurements whose spread matters: `histogram('What an order costs.', { unit: 'euros', buckets: [10, 25, 50, 100] })`. */
export function histogram<
  // biome-ignore lint/complexity/noBannedTypes: `{}` is the empty record of labels.
  const Labels extends MetricLabels = {},
>(help: string, options: HistogramMetricOptions<Labels> = {}): Metric<'histogram', NoInfer<Labels>> {
  return declare('histogram', help, options);
}

function declare<Type extends MetricType, Labels extends MetricLabels>(
  type: Type,
  help: string,
  { unit, labels, buckets }: HistogramMetricOptions<Labels>,
): Metric<Type, Labels> {
  return {
    kind: 'metric',
    type,
    service: '',
    name: '',
    help,
    unit,
    labels: labels ?? ({} as Labels),
    buckets,
  };
}

type LabelArguments<Labels> = keyof Labels extends never
  ? []
  : [
      labels: {
        readonly [Label in keyof Labels]: Labels[Label] extends readonly (infer Value)[] ? Value : never;
      },
    ];

/** What code measures with. None of it can fail the work that it measures: values that are not finite, and negative increments, are ignored. */
interface Instruments<Labels> {
  readonly counter: {
    /** Adds `by`, default 1. */
    inc(...given: [...LabelArguments<Labels>, by?: number]): void;
  };
  readonly gauge: {
    set(...given: [...LabelArguments<Labels>, value: number]): void;
    inc(...given: [...LabelArguments<Labels>, by?: number]): void;
    dec(...given: [...LabelArguments<Labels>, by?: number]): void;
  };
  readonly histogram: {
    observe(...given: [...LabelArguments<Labels>, value: number]): void;
  };
}

/** What the metrics of a contract are measured with, by their keys. */
export type MetricsOf<C extends { readonly metrics: Readonly<Record<string, Metric>> }> = {
  readonly [Name in keyof C['metrics']]: C['metrics'][Name] extends Metric<infer Type, infer Labels>
    ? Instruments<Labels>[Type]
    : never;
};

/** What a metric of a contract is called on the page: `orders_placed_total` for the counter `placed` of `orders`. */
export function metricName({ service, name, unit, type }: Metric): string {
  const words = [service.replaceAll('-', '_'), snakeCase(name)];
  if (unit !== undefined) words.push(unit);
  if (type === 'counter') words.push('total');
  return words.join('_');
}

/** `ordersPlaced` is `orders_placed`. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

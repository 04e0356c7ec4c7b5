const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

export type MetricType = 'counter' | 'gauge' | 'histogram';

/** What a definition has in common, whatever it measures. */
export interface MetricOptions {
  /** Letters, digits, `_` and `:`; with its base unit, such as `http_request_seconds`. A counter's ends in `_total`. */
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  /** Names of the labels, in the order in which `labels(...)` takes their values. Default none. */
  readonly labels?: readonly string[];
  /** Combinations of label values kept apart; further ones are counted together as `other`. Default 1,000. */
  readonly maxSeries?: number;
}

/** @throws TypeError, with the fix in the text */
export function checkMetric(type: MetricType, options: MetricOptions): void {
  const { name, help, labels = [], maxSeries = 1 } = options;
  const refuse = (problem: string): never => {
    throw new TypeError(`${type} ${JSON.stringify(name)}: ${problem}`);
  };
  if (typeof name !== 'string' || !metricName.test(name)) {
    refuse('name it with letters, digits, _ and :, not starting with a digit.');
  }
  if (type === 'counter' && !name.endsWith('_total')) refuse(`end its name in _total: ${name}_total.`);
  if (type === 'counter' && name === '_total') refuse('say in its name what it counts.');
  if (type !== 'counter' && /_(total|bucket|count|sum|created|info)$/.test(name)) {
    refuse(
      'leave its name without _total, _bucket, _count, _sum, _created or _info; these endings have a meaning.',
    );
  }
  if (typeof help !== 'string' || help.trim() === '') refuse('say in `help` what it measures.');
  if (!Number.isInteger(maxSeries) || maxSeries < 1) refuse('maxSeries must be a whole number from 1.');
  if (new Set(labels).size < labels.length) refuse('name each label once.');
  for (const label of labels) {
    if (typeof label !== 'string' || !labelName.test(label)) {
      refuse(
        `name label ${JSON.stringify(label)} with letters, digits and _, not starting with __ or a digit.`,
      );
    }
    if (type === 'histogram' && label === 'le')
      refuse(`rename label 'le'; a histogram uses it for its buckets.`);
  }
}

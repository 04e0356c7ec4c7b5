import { type Metric, metricName } from './metric.ts';

const snakeCase = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;
/** Every combination is a line of the page, for a histogram several, in every instance. */
const maxCombinations = 100;
const maxValueLength = 100;

/** The endings of series have a meaning of their own, and types stand beside the name. */
const reservedWords: ReadonlySet<string> = new Set(
  'total bucket count sum created info counter gauge histogram summary'.split(' '),
);
/** Added by whoever reads the page, or by the platform. */
const reservedLabels: ReadonlySet<string> = new Set('service instance job le quantile'.split(' '));

const prefixes =
  'pico nano micro milli centi deci deca hecto kilo kibi mega mebi giga gibi tera tebi peta pebi';
const baseUnits = 'seconds bytes meters grams joules volts amperes kelvin moles';
const prefixed = new RegExp(
  `^(?:${prefixes.replaceAll(' ', '|')})(?<base>${baseUnits.replaceAll(' ', '|')})$`,
);
/** What Prometheus asks for instead: https://prometheus.io/docs/practices/naming/#base-units */
const otherUnits: ReadonlyMap<string, string> = new Map(
  Object.entries({
    seconds: 'minutes hours days weeks',
    celsius: 'fahrenheit rankine',
    kelvin: 'kelvins',
    bytes: 'bits',
    joules: 'calories',
    meters: 'inches yards miles',
    grams: 'pounds ounces',
    ratio: 'percent',
  }).flatMap(([base, others]) => others.split(' ').map((other) => [other, base] as const)),
);
const abbreviations: ReadonlySet<string> = new Set('s ms us ns sec b kb mb gb tb pb m h d'.split(' '));

/** @throws TypeError, with the fix in the text; the metric is adopted already */
export function checkMetric(metric: Metric, refuseContract: (why: string) => TypeError): void {
  const refuse = (why: string) => refuseContract(`the ${metric.type} '${metric.name}': ${why}`);
  if (typeof metric.help !== 'string' || metric.help.trim() === '') {
    throw refuse('say first what it measures, in one sentence.');
  }
  if (/^(?:banyan|process|nodejs)_/.test(metricName(metric))) {
    throw refuse(
      `the platform's own metrics begin with '${metricName(metric).split('_')[0]}_': rename the contract.`,
    );
  }
  checkWords(metric, refuse);
  checkLabels(metric, refuse);
  checkBuckets(metric, refuse);
}

type Refusing = (why: string) => TypeError;

function checkWords(metric: Metric, refuse: Refusing): void {
  const { name, unit } = metric;
  if (unit !== undefined && (typeof unit !== 'string' || !snakeCase.test(unit))) {
    throw refuse(
      `write the unit in lower case with underscores, such as 'euros', not ${JSON.stringify(unit)}.`,
    );
  }
  const words = metricName({ ...metric, service: '', type: 'gauge' })
    .slice(1)
    .split('_');
  const reserved = words.find((word) => reservedWords.has(word));
  if (reserved !== undefined)
    throw refuse(`leave '${reserved}' out; on the page it has a meaning of its own.`);
  const short = words.find((word) => abbreviations.has(word));
  if (short !== undefined) throw refuse(`'${short}' reads like a unit: write it out.`);
  for (const word of words) {
    const base = otherUnits.get(word) ?? prefixed.exec(word)?.groups?.['base'];
    if (base !== undefined) throw refuse(`measure in ${base} instead of ${word}; readers convert them.`);
  }
  if (unit !== undefined && `_${words.slice(0, -unit.split('_').length).join('_')}`.endsWith(`_${unit}`)) {
    throw refuse(`leave the unit out of '${name}'; it is added on the page.`);
  }
}

function checkLabels({ labels }: Metric, refuse: Refusing): void {
  for (const [label, values] of Object.entries(labels)) {
    if (!snakeCase.test(label)) throw refuse(`name the label '${label}' in snake_case.`);
    if (reservedLabels.has(label))
      throw refuse(`rename the label '${label}'; readers of the page add one of that name.`);
    const isList = Array.isArray(values) && values.length > 0 && new Set(values).size === values.length;
    if (!isList || !values.every(isValue)) {
      throw refuse(`give the label '${label}' each of its values once: ${label}: ['one', 'other'].`);
    }
  }
  const combinations = Object.values(labels).reduce((product, values) => product * values.length, 1);
  if (combinations > maxCombinations) {
    throw refuse(
      `its labels have ${combinations} combinations; ${maxCombinations} are allowed. Details belong in logs and traces.`,
    );
  }
}

function isValue(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && value.length <= maxValueLength;
}

function checkBuckets({ type, unit, buckets }: Metric, refuse: Refusing): void {
  if (type !== 'histogram') return;
  if (buckets === undefined && unit !== 'seconds') {
    throw refuse('give it buckets, such as [1, 10, 100]; only for seconds there are usual ones.');
  }
  const isAscending = (buckets ?? [1]).every(
    (bound, index, all) => Number.isFinite(bound) && (index === 0 || bound > (all[index - 1] ?? bound)),
  );
  const size = buckets?.length ?? 1;
  if (size < 1 || size > 50 || !isAscending) throw refuse('give 1 to 50 buckets in ascending order.');
}

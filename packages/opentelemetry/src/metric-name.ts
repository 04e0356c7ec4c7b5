import type { MetricType } from '@banyan/telemetry';

/** Units of UCUM as names of Prometheus metrics end in them. */
const units: Readonly<Record<string, string>> = {
  d: 'days',
  h: 'hours',
  min: 'minutes',
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
  By: 'bytes',
  KiBy: 'kibibytes',
  MiBy: 'mebibytes',
  GiBy: 'gibibytes',
  KBy: 'kilobytes',
  MBy: 'megabytes',
  GBy: 'gigabytes',
  m: 'meters',
  V: 'volts',
  A: 'amperes',
  J: 'joules',
  W: 'watts',
  g: 'grams',
  Cel: 'celsius',
  Hz: 'hertz',
  '%': 'percent',
};
const perUnits: Readonly<Record<string, string>> = {
  s: 'second',
  min: 'minute',
  h: 'hour',
  d: 'day',
};

/**
 * The name of an instrument on the page.
 * @see https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
 */
export function metricNameOf(type: MetricType, instrument: string, unit: string): string {
  let name = plain(instrument);
  if (type === 'counter') name = name.replace(/_total$/, '');
  const ending = unitOf(type, unit);
  if (ending !== '' && name !== ending && !name.endsWith(`_${ending}`)) name = `${name}_${ending}`;
  if (type === 'counter') return `${name}_total`;
  // These endings mean something else in a name that is no counter's.
  return /_(total|bucket|count|sum|created|info)$/.test(name) ? `${name}_value` : name;
}

/** @param taken names that mean something else */
export function labelNameOf(attribute: string, taken: ReadonlySet<string>): string {
  const name = plain(attribute).replaceAll(':', '_').replace(/^__+/, '_');
  return taken.has(name) ? `${name}_` : name;
}

const maxNameLength = 255;

function plain(text: string): string {
  const name = text.slice(0, maxNameLength).replace(/[^a-zA-Z0-9_:]/g, '_');
  return /^[a-zA-Z_:]/.test(name) ? name : `_${name}`;
}

function unitOf(type: MetricType, unit: string): string {
  // `{requests}` says what is counted and is no unit.
  const [of = '', per] = unit.replace(/\{[^}]*\}/g, '').split('/');
  const counted =
    of === '1' ? (type === 'gauge' && per === undefined ? 'ratio' : '') : (units[of] ?? word(of));
  const time = per === undefined ? '' : (perUnits[per] ?? word(per));
  return [counted, time === '' ? '' : `per_${time}`].filter((part) => part !== '').join('_');
}

function word(unit: string): string {
  return unit.replace(/[^a-zA-Z0-9]+/g, '_').replace(/^_+|_+$/g, '');
}

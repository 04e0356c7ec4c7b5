import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { AnswerOf, SeriesList } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { formatBytes, formatCount, formatMs, formatRate } from '../../format.ts';
import { sinceNow } from '../../parts/search-tools.tsx';
import { ProblemNote } from '../../parts/states.tsx';
import { href, setQuery } from '../../router.ts';
import { Chart, type Line } from './chart.tsx';

/** What all charts of the page show. */
export interface Shown {
  readonly service: string;
  /** Empty: what the choice of time says. */
  readonly from: string;
  readonly to: string;
  readonly since: string;
  /** A run to lay under this one. */
  readonly otherRun: string;
}

const everyMs = 5_000;
/** More lines than this tell nobody anything; the largest are drawn. */
const mostLines = 8;

export function TrafficChart(props: {
  readonly shown: Shown;
  readonly kind: 'requests' | 'errors' | 'duration';
  readonly title: string;
}): JSX.Element {
  const { shown, kind, title } = props;
  const now = useSeries<SeriesList>('/api/traffic', shown, { kind });
  const before = useSeries<SeriesList>(shown.otherRun === '' ? undefined : '/api/traffic', shown, {
    kind,
    runId: shown.otherRun,
  });
  const format = kind === 'duration' ? formatMs : formatRate;
  return <SeriesChart title={title} now={now} before={before} format={format} />;
}

export function MetricChart(props: {
  readonly shown: Shown;
  readonly name: string;
  readonly about: string;
}): JSX.Element {
  const { shown, name, about } = props;
  const path = `/api/metrics/${encodeURIComponent(name)}`;
  const now = useSeries<AnswerOf<'getMetric'>>(path, shown, {});
  const before = useSeries<AnswerOf<'getMetric'>>(shown.otherRun === '' ? undefined : path, shown, {
    runId: shown.otherRun,
  });
  const { kind, unit: said = '' } = now.value ?? {};
  const unit = said || unitOf(name);
  const isRate = kind === 'counter';
  return (
    <SeriesChart
      title={`${about || name}${isRate ? ', per second' : ''}`}
      now={now}
      before={before}
      format={(value) => formatUnit(value, isRate ? `${unit}/s` : unit)}
    />
  );
}

/** Of another run: all of its time. */
function useSeries<Value>(
  path: string | undefined,
  { service, from, to, since }: Shown,
  more: { readonly kind?: string; readonly runId?: string },
) {
  const isRun = more.runId !== undefined;
  const isFixed = from !== '' || isRun;
  const time = () => (isRun ? {} : { from: isFixed ? from : sinceNow(), to });
  return useResource<Value>(
    path === undefined ? undefined : () => href(path, { service, ...time(), ...more }),
    {
      ...(isFixed ? {} : { everyMs }),
      key: `${path} ${JSON.stringify([service, from, to, since, more])}`,
    },
  );
}

interface Answer {
  readonly value: SeriesList | undefined;
  readonly problem: Error | undefined;
}

function SeriesChart(props: {
  readonly title: string;
  readonly now: Answer;
  readonly before: Answer;
  format(value: number): string;
}): JSX.Element {
  const { title, now, before, format } = props;
  const drawn = useMemo(() => drawnOf(now.value, before.value), [now.value, before.value]);
  if (now.problem !== undefined && now.value === undefined) return <ProblemNote error={now.problem} />;
  return (
    <div class="card">
      {drawn === undefined || drawn.lines.length === 0 ? (
        <p class={now.value === undefined ? 'wait' : 'empty'}>
          {title}: {now.value === undefined ? 'loading …' : 'nothing was measured in this time.'}
        </p>
      ) : (
        <Chart
          title={title}
          times={drawn.times}
          lines={drawn.lines}
          format={format}
          onZoom={(fromMs, toMs) =>
            setQuery({ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() })
          }
        />
      )}
    </div>
  );
}

/** The other run is laid over this one from its own beginning. */
function drawnOf(
  now: SeriesList | undefined,
  before: SeriesList | undefined,
): { readonly times: readonly number[]; readonly lines: readonly Line[] } | undefined {
  if (now === undefined) return undefined;
  const startS = Date.parse(now.from) / 1_000;
  const length = Math.max(0, ...now.series.map(({ values }) => values.length));
  const times = Array.from({ length }, (_, index) => startS + (index * now.stepMs) / 1_000);
  const largest = (list: SeriesList) =>
    list.series.toSorted((a, b) => sum(b.values) - sum(a.values)).slice(0, mostLines);
  const old = before === undefined ? [] : largest(before);
  return {
    times,
    lines: [
      ...largest(now).map(({ labels, values }) => ({ name: nameOf(labels), values })),
      ...old.map(({ labels, values }) => ({
        name: `${nameOf(labels)}, other run`,
        values: stretched(values, { stepMs: before?.stepMs ?? 1, toStepMs: now.stepMs, length }),
        isPale: true,
      })),
    ],
  };
}

function stretched(
  values: readonly (number | null)[],
  {
    stepMs,
    toStepMs,
    length,
  }: { readonly stepMs: number; readonly toStepMs: number; readonly length: number },
): readonly (number | null)[] {
  const first = Math.max(
    0,
    values.findIndex((value) => value !== null),
  );
  return Array.from(
    { length },
    (_, index) => values[first + Math.floor((index * toStepMs) / stepMs)] ?? null,
  );
}

function sum(values: readonly (number | null)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

function nameOf(labels: Readonly<Record<string, string>>): string {
  return Object.values(labels).join(' ') || 'all';
}

/** Prometheus puts the unit into the name. */
function unitOf(name: string): string {
  return /_(bytes|seconds)(_total)?$/.exec(name)?.[1] ?? '';
}

function formatUnit(value: number, unit: string): string {
  switch (unit) {
    case 's':
    case 'seconds':
      return formatMs(value * 1_000);
    case 'ms':
      return formatMs(value);
    case 'By':
    case 'bytes':
      return formatBytes(Math.round(value));
    case 'seconds/s':
      return `${(value * 100).toFixed(1)} %`;
    default:
      return `${value < 10 ? Number(value.toFixed(2)) : formatCount(Math.round(value))}${unit === '' || unit === '1' ? '' : ` ${unit}`}`;
  }
}

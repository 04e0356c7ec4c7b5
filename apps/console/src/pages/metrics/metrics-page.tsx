import type { JSX } from 'preact';
import type { AnswerOf } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { formatTime } from '../../format.ts';
import { PageHead } from '../../parts/page-head.tsx';
import { QuerySelect, ServiceSelect, SinceSelect } from '../../parts/search-tools.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Ago } from '../../parts/time.tsx';
import { href, query, setQuery } from '../../router.ts';
import { MetricChart, type Shown, TrafficChart } from './series-charts.tsx';
import { TimeSteps } from './time-steps.tsx';

/** Rate, errors and duration of what was asked, then whatever else services measure. */
export function MetricsPage(): JSX.Element {
  const runs = useResource<AnswerOf<'listRuns'>>('/api/runs');
  const shown: Shown = {
    service: query('service'),
    from: query('from'),
    to: query('to'),
    since: query('since'),
    otherRun: query('run'),
  };
  return (
    <>
      <PageHead title="Metrics" about="Mark a part of a chart to look closer, or use the buttons." />
      <div class="toolbar">
        <ServiceSelect />
        {shown.from === '' ? (
          <SinceSelect />
        ) : (
          <button type="button" class="button" onClick={() => setQuery({ from: undefined, to: undefined })}>
            {formatTime(shown.from)} to {formatTime(shown.to)}: show all again
          </button>
        )}
        <TimeSteps from={shown.from} to={shown.to} />
        <QuerySelect
          name="run"
          label="Compare with another run"
          options={[
            { value: '', title: 'No other run' },
            ...(runs.value?.runs.slice(1) ?? []).map(({ runId, startedAt }) => ({
              value: runId,
              title: `Run of ${formatTime(startedAt)}`,
            })),
          ]}
        />
      </div>
      <div class="charts">
        <TrafficChart shown={shown} kind="requests" title="Requests per second" />
        <TrafficChart shown={shown} kind="errors" title="Errors per second" />
        <TrafficChart shown={shown} kind="duration" title="Duration, 99 %" />
      </div>
      <Others shown={shown} />
      <Runs of={runs} />
    </>
  );
}

function Others({ shown }: { readonly shown: Shown }): JSX.Element {
  const listed = href('/api/metrics', { service: shown.service });
  const found = useResource<AnswerOf<'listMetrics'>>(listed, { everyMs: 30_000 });
  const chosen = query('metrics') === '' ? [] : query('metrics').split(',');
  return (
    <section class="stack metrics-others">
      <h2>Everything that is measured</h2>
      <Loaded of={found}>
        {({ metrics }) => {
          if (metrics.length === 0)
            return (
              <Empty title="No metrics yet.">Services send them every few seconds; wait a moment.</Empty>
            );
          const names = metrics.map(({ name }) => name);
          const business = metrics.filter(({ name }) => !ofThePlatform.test(name));
          const usually = [...business.slice(0, 4).map(({ name }) => name), ...usual];
          const preset = usually.filter((name) => names.includes(name));
          const toggle = (name: string, isShown: boolean) =>
            setQuery({
              metrics: (isShown ? [...open, name] : open.filter((each) => each !== name)).join(','),
            });
          const open = chosen.length > 0 ? chosen : preset.length > 0 ? preset : names.slice(0, 4);
          return (
            <>
              <details>
                <summary>
                  {metrics.length} metrics, {open.length} shown
                </summary>
                <Choice title="Of the services' own" {...{ metrics: business, open, toggle }} />
                <Choice
                  title="Of the platform"
                  {...{ metrics: metrics.filter((each) => !business.includes(each)), open, toggle }}
                />
              </details>
              <div class="charts">
                {open.map((name) => (
                  <MetricChart
                    key={name}
                    shown={shown}
                    name={name}
                    about={metrics.find((each) => each.name === name)?.description ?? ''}
                  />
                ))}
              </div>
            </>
          );
        }}
      </Loaded>
    </section>
  );
}

/** Everything else is what services declare themselves, or other senders. */
const ofThePlatform = /^(?:banyan|process|nodejs)_/;

interface ChoiceProps {
  readonly title: string;
  readonly metrics: AnswerOf<'listMetrics'>['metrics'];
  /** Names of those that are shown. */
  readonly open: readonly string[];
  toggle(name: string, isShown: boolean): void;
}

function Choice({ title, metrics, open, toggle }: ChoiceProps): JSX.Element | null {
  if (metrics.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul class="metric-list">
        {metrics.map(({ name, description, unit }) => (
          <li key={name}>
            <label>
              <input
                type="checkbox"
                checked={open.includes(name)}
                onChange={({ currentTarget }) => toggle(name, currentTarget.checked)}
              />{' '}
              <span class="mono">{name}</span> <span class="soft small">{unit}</span>
              <span class="soft small"> {description}</span>
            </label>
          </li>
        ))}
      </ul>
    </>
  );
}

/** What is worth a look before anybody has chosen: whether events are late, and how the processes are. */
const usual = [
  'banyan_consumer_lag',
  'banyan_outbox_oldest_age_seconds',
  'nodejs_eventloop_delay_seconds',
  'process_resident_memory_bytes',
];

function Runs({ of }: { readonly of: ReturnType<typeof useResource<AnswerOf<'listRuns'>>> }): JSX.Element {
  return (
    <section class="card metrics-others">
      <header>
        <h2>Runs</h2>
        <span class="soft small">Each start of the system; telemetry outlives it.</span>
      </header>
      <Loaded of={of}>
        {({ runs }) => (
          <ul class="body">
            {runs.slice(0, 10).map(({ runId, startedAt, endedAt }) => (
              <li key={runId}>
                <code>{runId.slice(0, 13)}</code> began <Ago at={startedAt} />
                {endedAt === undefined ? '' : ', ended '}
                {endedAt !== undefined && <Ago at={endedAt} />}
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  );
}

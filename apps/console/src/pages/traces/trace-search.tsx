import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { AnswerOf, TraceSummary } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { formatUs, plural, shortId } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { useFurther } from '../../parts/further.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import { QueryField, QueryToggle, ServiceSelect, SinceSelect, sinceNow } from '../../parts/search-tools.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { Ago } from '../../parts/time.tsx';
import { href, navigate, query } from '../../router.ts';

/** Chosen to be compared; the second one opens the comparison. */
const toCompare = signal<string | undefined>(undefined);

export function TraceSearch(): JSX.Element {
  const asked = {
    service: query('service'),
    operation: query('operation'),
    text: query('text'),
    minDurationMs: query('slow'),
    errorsOnly: query('errors') === 'yes' ? true : undefined,
    limit: 100,
  };
  const key = `traces ${JSON.stringify(asked)} ${query('since')}`;
  const pathOf = (after?: string) => href('/api/traces', { ...asked, from: sinceNow(), after });
  const found = useResource<AnswerOf<'searchTraces'>>(pathOf, { everyMs: 3_000, key });
  const { answers, foot } = useFurther(found, key, pathOf);
  return (
    <>
      <PageHead title="Traces" about="What one request caused: calls, events, sagas and SQL." />
      <div class="toolbar">
        <ServiceSelect />
        <SinceSelect />
        <QueryField name="operation" label="Operation" placeholder="Operation, whole name" />
        <QueryField name="text" label="Words" placeholder="Words in names and attributes" />
        <QueryField name="slow" label="At least, in ms" type="number" placeholder="Slower than ms" />
        <QueryToggle name="errors" title="Only with errors" />
      </div>
      {toCompare.value !== undefined && (
        <p class="toolbar" role="status">
          Choose another trace to compare with <code>{shortId(toCompare.value)}</code>.
          <button
            type="button"
            class="button"
            onClick={() => {
              toCompare.value = undefined;
            }}
          >
            Never mind
          </button>
        </p>
      )}
      <div class="card">
        <Loaded of={found}>
          {() => <Found traces={answers.flatMap(({ traces }) => traces)} isPart={foot !== null} />}
        </Loaded>
        {foot}
      </div>
    </>
  );
}

function Found({
  traces,
  isPart,
}: {
  readonly traces: readonly TraceSummary[];
  readonly isPart: boolean;
}): JSX.Element {
  if (traces.length === 0 && isPart) return <Empty title="None so far." />;
  if (traces.length === 0) {
    return (
      <Empty title="No traces here.">
        Use the system, for example by ordering a print. If you searched: take a condition away, or a longer
        time.
      </Empty>
    );
  }
  const longest = Math.max(...traces.map(({ durationUs }) => durationUs));
  return (
    <Table<TraceSummary>
      caption="Traces, newest first"
      rows={traces}
      keyOf={({ traceId }) => traceId}
      columns={[
        {
          title: 'Request',
          cell: ({ traceId, service, operation }) => (
            <a data-row href={`/traces/${traceId}`}>
              {operation} <span class="soft small">{service}</span>
            </a>
          ),
        },
        {
          title: 'Took',
          isNumber: true,
          cell: ({ durationUs }) => (
            <span class="took">
              <i style={{ width: `${Math.max(2, (durationUs / longest) * 60)}px` }} />
              {formatUs(durationUs)}
            </span>
          ),
        },
        {
          title: 'Errors',
          cell: ({ errors }) => (errors === 0 ? '' : <Badge tone="bad">{plural(errors, 'error')}</Badge>),
        },
        { title: 'Spans', isNumber: true, isWideOnly: true, cell: ({ spans }) => spans },
        {
          title: 'Services',
          isWideOnly: true,
          cell: ({ services }) => (
            <span class="small soft">{services.map(({ name }) => name).join(', ')}</span>
          ),
        },
        { title: 'When', cell: ({ startedAt }) => <Ago at={startedAt} /> },
        { title: 'Compare', isWideOnly: true, cell: ({ traceId }) => <CompareButton traceId={traceId} /> },
      ]}
    />
  );
}

export function CompareButton({ traceId }: { readonly traceId: string }): JSX.Element {
  const first = toCompare.value;
  return (
    <button
      type="button"
      class="button small"
      disabled={first === traceId}
      onClick={() => {
        toCompare.value = first === undefined ? traceId : undefined;
        navigate(first === undefined ? '/traces' : `/traces/${first}/compare/${traceId}`);
      }}
    >
      {first === undefined ? 'Compare' : first === traceId ? 'chosen' : 'with this'}
    </button>
  );
}

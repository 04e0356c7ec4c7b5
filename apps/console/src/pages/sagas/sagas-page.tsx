import type { JSX } from 'preact';
import type { AnswerOf, SagaSummary } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { shortId } from '../../format.ts';
import { PageHead } from '../../parts/page-head.tsx';
import { QuerySelect, ServiceSelect } from '../../parts/search-tools.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { Ago } from '../../parts/time.tsx';
import { href, query } from '../../router.ts';
import type { PageProps } from '../../shell/pages.ts';
import { SagaBadge } from './saga-badge.tsx';
import { SagaView } from './saga-view.tsx';

const statuses: readonly SagaSummary['status'][] = [
  'running',
  'compensating',
  'stuck',
  'completed',
  'compensated',
  'failed',
];

/** `/sagas` and `/sagas/SERVICE/ID`. */
export function SagasPage({ rest: [service, id] }: PageProps): JSX.Element {
  return service !== undefined && id !== undefined ? (
    <SagaView service={decodeURIComponent(service)} id={id} />
  ) : (
    <List />
  );
}

function List(): JSX.Element {
  const found = useResource<AnswerOf<'listSagas'>>(
    href('/api/sagas', { service: query('service'), status: query('status') }),
    { everyMs: 2_000 },
  );
  return (
    <>
      <PageHead title="Sagas" about="Processes across services, each with the path it took." />
      <div class="toolbar">
        <ServiceSelect />
        <QuerySelect
          name="status"
          label="State"
          options={[
            { value: '', title: 'Every state' },
            ...statuses.map((status) => ({ value: status, title: status })),
          ]}
        />
      </div>
      <div class="card">
        <Loaded of={found}>
          {({ sagas }) =>
            sagas.length === 0 ? (
              <Empty title="No sagas.">
                A service that runs some declares them in <code>sagas</code> or <code>durable</code>. If you
                searched: take a condition away.
              </Empty>
            ) : (
              <Table<SagaSummary>
                caption="Sagas, newest first"
                rows={sagas}
                keyOf={({ id }) => id}
                columns={[
                  {
                    title: 'Saga',
                    cell: ({ service, id, name, version }) => (
                      <a data-row href={`/sagas/${encodeURIComponent(service)}/${id}`}>
                        {name}
                        <span class="soft">@{version}</span> <span class="mono small">{shortId(id)}</span>
                      </a>
                    ),
                  },
                  { title: 'Service', isWideOnly: true, cell: ({ service }) => service },
                  { title: 'State', cell: ({ status }) => <SagaBadge status={status} /> },
                  {
                    title: 'Waits for',
                    isWideOnly: true,
                    cell: ({ waitingFor }) => (waitingFor.length === 0 ? '' : waitingFor.join(', ')),
                  },
                  { title: 'Began', cell: ({ startedAt }) => <Ago at={startedAt} /> },
                  { title: 'Changed', isWideOnly: true, cell: ({ changedAt }) => <Ago at={changedAt} /> },
                ]}
              />
            )
          }
        </Loaded>
      </div>
    </>
  );
}

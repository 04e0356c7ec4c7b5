import type { JSX } from 'preact';
import type { AnswerOf } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { Badge } from '../../parts/badge.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import { QueryField, ServiceSelect } from '../../parts/search-tools.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { Ago } from '../../parts/time.tsx';
import { href, query } from '../../router.ts';

type Deed = AnswerOf<'listAudit'>['records'][number];

/** Who did what: what services put on record, and what operators did from here or the command line. */
export function AuditPage(): JSX.Element {
  const found = useResource<AnswerOf<'listAudit'>>(
    href('/api/audit', {
      service: query('service'),
      user: query('user'),
      subject: query('subject'),
      action: query('action'),
    }),
    { everyMs: 3_000 },
  );
  return (
    <>
      <PageHead title="Audit" about="Who did what, and when. It can be neither changed nor deleted." />
      <div class="toolbar">
        <ServiceSelect />
        <QueryField name="user" label="Who" />
        <QueryField name="action" label="Action" />
        <QueryField name="subject" label="What it was done to" />
      </div>
      <div class="card">
        <Loaded of={found}>
          {({ records }) =>
            records.length === 0 ? (
              <Empty title="Nothing is on record.">
                A service records deeds with <code>audited</code> or <code>audit(…)</code>; what operators do
                is always here.
              </Empty>
            ) : (
              <Table<Deed>
                caption="Records, newest first"
                rows={records}
                keyOf={({ at, service, action, subject }) => `${at} ${service} ${action} ${subject}`}
                columns={[
                  { title: 'When', cell: ({ at }) => <Ago at={at} /> },
                  { title: 'Who', cell: ({ by }) => <b>{by}</b> },
                  { title: 'Did', cell: ({ action }) => <span class="mono">{action}</span> },
                  { title: 'To', cell: ({ subject }) => <span class="mono small">{subject ?? ''}</span> },
                  { title: 'At', isWideOnly: true, cell: ({ service }) => service },
                  {
                    title: 'Ended',
                    isWideOnly: true,
                    cell: ({ outcome }) => (
                      <Badge tone={outcome === 'done' ? 'good' : outcome === 'refused' ? 'warn' : 'bad'}>
                        {outcome}
                      </Badge>
                    ),
                  },
                  {
                    title: 'Trace',
                    isWideOnly: true,
                    cell: ({ traceId }) =>
                      traceId === undefined ? (
                        ''
                      ) : (
                        <a data-row href={`/traces/${traceId}`}>
                          trace
                        </a>
                      ),
                  },
                ]}
              />
            )
          }
        </Loaded>
      </div>
    </>
  );
}

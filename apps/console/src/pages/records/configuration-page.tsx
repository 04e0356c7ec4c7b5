import type { JSX } from 'preact';
import type { AnswerOf } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { Badge } from '../../parts/badge.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import { QueryField, QueryToggle } from '../../parts/search-tools.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { query } from '../../router.ts';

type Setting = AnswerOf<'getConfiguration'>['settings'][number];

export function ConfigurationPage(): JSX.Element {
  const found = useResource<AnswerOf<'getConfiguration'>>('/api/configuration');
  const words = query('text').toLowerCase();
  const isAsked = ({ service, name, source, summary }: Setting) =>
    `${service} ${name} ${summary ?? ''}`.toLowerCase().includes(words) &&
    (query('given') !== 'yes' || (source !== 'default' && source !== 'not set'));
  return (
    <>
      <PageHead title="Configuration" about="As it is in force, and where each value came from." />
      <div class="toolbar">
        <QueryField name="text" label="Service, name or words" />
        <QueryToggle name="given" title="Only what somebody set" />
      </div>
      <div class="card">
        <Loaded of={found}>
          {({ settings }) => {
            const rows = settings.filter(isAsked);
            if (rows.length === 0) return <Empty title="Nothing here.">Take a condition away.</Empty>;
            return (
              <Table<Setting>
                caption="Settings"
                rows={rows}
                keyOf={({ service, name }) => `${service} ${name}`}
                columns={[
                  {
                    title: 'Name',
                    cell: ({ name, summary }) => (
                      <>
                        <span class="mono">{name}</span>
                        <div class="soft small">{summary}</div>
                      </>
                    ),
                  },
                  { title: 'Service', isWideOnly: true, cell: ({ service }) => service },
                  {
                    title: 'Value',
                    cell: ({ value, isSecret, source }) =>
                      isSecret ? (
                        <span class="soft">{source === 'not set' ? 'not set' : 'secret'}</span>
                      ) : (
                        <span class="mono">{value ?? <span class="soft">not set</span>}</span>
                      ),
                  },
                  { title: 'From', cell: ({ source }) => <Source of={source} /> },
                ]}
              />
            );
          }}
        </Loaded>
      </div>
    </>
  );
}

function Source({ of }: { readonly of: string }): JSX.Element {
  const isSet = of !== 'default' && of !== 'not set';
  return isSet ? (
    <Badge tone="note" icon="dot">
      {of}
    </Badge>
  ) : (
    <span class="soft">{of}</span>
  );
}

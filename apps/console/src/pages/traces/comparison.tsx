import type { JSX } from 'preact';
import type { AnswerOf, TraceSummary } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { formatTime, formatUs } from '../../format.ts';
import { PageHead } from '../../parts/page-head.tsx';
import { Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';

type Compared = AnswerOf<'compareTraces'>;
type Row = Compared['rows'][number];

export function Comparison({ left, right }: { readonly left: string; readonly right: string }): JSX.Element {
  const found = useResource<Compared>(
    `/api/traces/${encodeURIComponent(left)}/compare/${encodeURIComponent(right)}`,
  );
  return (
    <>
      <PageHead title="Two traces" about="Where the second one took longer, or less.">
        <a class="button" href="/traces">
          All traces
        </a>
      </PageHead>
      <Loaded of={found}>
        {({ left: first, right: second, rows }) => (
          <div class="stack">
            <div class="tiles">
              <Side title="First" of={first} />
              <Side title="Second" of={second} />
            </div>
            <div class="card">
              <Table<Row>
                caption="Operations, the largest difference first"
                rows={rows}
                keyOf={({ service, name }) => `${service} ${name}`}
                columns={[
                  {
                    title: 'Operation',
                    cell: ({ service, name }) => (
                      <>
                        {name} <span class="soft small">{service}</span>
                      </>
                    ),
                  },
                  { title: 'First, own time', isNumber: true, cell: ({ left: side }) => ownOf(side) },
                  { title: 'Second, own time', isNumber: true, cell: ({ right: side }) => ownOf(side) },
                  {
                    title: 'Difference',
                    isNumber: true,
                    cell: ({ selfDifferenceUs }) => signed(selfDifferenceUs),
                  },
                ]}
              />
            </div>
          </div>
        )}
      </Loaded>
    </>
  );
}

function Side({ title, of }: { readonly title: string; readonly of: TraceSummary }): JSX.Element {
  return (
    <dl class="card tile">
      <dt>{title}</dt>
      <dd>
        <a href={`/traces/${of.traceId}`}>{of.operation}</a>
        <small>
          {formatUs(of.durationUs)}, {formatTime(of.startedAt)}
        </small>
      </dd>
    </dl>
  );
}

function ownOf(side: Row['left']): string {
  if (side === undefined) return 'not there';
  return side.count === 1 ? formatUs(side.selfUs) : `${formatUs(side.selfUs)} in ${side.count}`;
}

function signed(us: number): string {
  if (us === 0) return 'same';
  return us > 0 ? `+${formatUs(us)} ▲` : `−${formatUs(-us)} ▼`;
}

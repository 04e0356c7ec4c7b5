import type { JSX } from 'preact';
import type { AnswerOf } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { plural } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import { QuerySelect, SinceSelect, sinceNow } from '../../parts/search-tools.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { href, query } from '../../router.ts';

type Report = AnswerOf<'getCallDepth'>;
type Depth = Report['operations'][number];

const everyMs = 10_000;

/** How deep calls wait for each other: each one more makes an answer later, and less sure. */
export function DepthPage(): JSX.Element {
  const atMost = query('atMost') || '3';
  const found = useResource<Report>(() => href('/api/call-depth', { from: sinceNow(), atMost }), {
    everyMs,
    key: `depth ${atMost} ${query('since')}`,
  });
  return (
    <>
      <PageHead
        title="Call depth"
        about="Calls that wait for each other, as traces show them. Events and steps of sagas begin anew: nobody waits for them."
      />
      <div class="toolbar">
        <SinceSelect />
        <QuerySelect
          name="atMost"
          label="What is deeper is too deep"
          options={['', '1', '2', '4', '5', '6'].map((value) => ({ value, title: `At most ${value || 3}` }))}
        />
      </div>
      <Loaded of={found}>
        {(report) =>
          report.operations.length === 0 ? (
            <Empty title="No traces in this time.">Send a request, or look further back.</Empty>
          ) : (
            <section class="card">
              <header>
                <Verdict report={report} />
                <span class="soft small">
                  {report.isWhole ? 'All' : 'The largest'} {plural(report.traces, 'trace')} of this time
                </span>
              </header>
              <Depths operations={report.operations} />
            </section>
          )
        }
      </Loaded>
    </>
  );
}

function Verdict({ report: { operations, atMost } }: { readonly report: Report }): JSX.Element {
  const tooDeep = operations.filter(({ isTooDeep }) => isTooDeep).length;
  return (
    <Badge tone={tooDeep === 0 ? 'good' : 'bad'}>
      {tooDeep === 0 ? `none deeper than ${atMost}` : `${plural(tooDeep, 'operation')} deeper than ${atMost}`}
    </Badge>
  );
}

const words: Record<Depth['kind'], string> = {
  request: 'request',
  event: 'event',
  step: 'step of a saga',
  other: 'by itself',
};

function Depths({ operations }: { readonly operations: readonly Depth[] }): JSX.Element {
  return (
    <Table<Depth>
      caption="Entry operations, deepest first"
      rows={operations}
      keyOf={({ kind, service, operation }) => `${kind} ${service} ${operation}`}
      columns={[
        {
          title: 'Depth',
          cell: ({ depth, isTooDeep }) => <Badge tone={isTooDeep ? 'bad' : 'good'}>{depth}</Badge>,
        },
        {
          title: 'Who waits for whom',
          cell: ({ chain, traceId }) => (
            <a data-row href={`/traces/${traceId}`}>
              {chain.map(({ service, operation }) => `${service} ${operation}`).join(' → ')}
            </a>
          ),
        },
        { title: 'Begun by', isWideOnly: true, cell: ({ kind }) => words[kind] },
      ]}
    />
  );
}

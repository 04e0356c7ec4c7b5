import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { AnswerOf } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { formatTime } from '../../format.ts';
import { Json } from '../../parts/json.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import { QueryField, ServiceSelect } from '../../parts/search-tools.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { Ago } from '../../parts/time.tsx';
import { href, query, setQuery } from '../../router.ts';
import type { PageProps } from '../../shell/pages.ts';

type Stream = AnswerOf<'listStreams'>['streams'][number];
type Recorded = AnswerOf<'readStream'>['events'][number];

/** `/streams` and `/streams/SERVICE?stream=NAME&at=TIME`. */
export function StreamsPage({ rest: [service] }: PageProps): JSX.Element {
  const stream = query('stream');
  return service !== undefined && stream !== '' ? (
    <StreamView key={stream} service={decodeURIComponent(service)} stream={stream} />
  ) : (
    <List />
  );
}

function List(): JSX.Element {
  const found = useResource<AnswerOf<'listStreams'>>(
    href('/api/streams', { service: query('service'), text: query('text') }),
    { everyMs: 3_000 },
  );
  return (
    <>
      <PageHead title="Event streams" about="What the event stores of the services have recorded." />
      <div class="toolbar">
        <ServiceSelect />
        <QueryField name="text" label="Part of the stream's name" />
      </div>
      <div class="card">
        <Loaded of={found}>
          {({ streams }) =>
            streams.length === 0 ? (
              <Empty title="No streams.">
                Services that are event-sourced append to streams (<code>@banyan/event-store</code>); those of
                this system have not.
              </Empty>
            ) : (
              <Table<Stream>
                caption="Streams, those that changed last first"
                rows={streams}
                keyOf={({ service, streamId }) => `${service} ${streamId}`}
                columns={[
                  {
                    title: 'Stream',
                    cell: ({ service, streamId }) => (
                      <a
                        data-row
                        class="mono"
                        href={href(`/streams/${encodeURIComponent(service)}`, { stream: streamId })}
                      >
                        {streamId}
                      </a>
                    ),
                  },
                  { title: 'Service', cell: ({ service }) => service },
                  { title: 'Events', isNumber: true, cell: ({ events }) => events },
                  { title: 'Changed', cell: ({ changedAt }) => <Ago at={changedAt} /> },
                ]}
              />
            )
          }
        </Loaded>
      </div>
    </>
  );
}

/** Events that are shown at once. */
const pageSize = 200;

function StreamView({ service, stream }: { readonly service: string; readonly stream: string }): JSX.Element {
  const path = `/api/streams/${encodeURIComponent(service)}/${encodeURIComponent(stream)}`;
  const from = Number(query('from')) || 0;
  const found = useResource<AnswerOf<'readStream'>>(href(path, { fromRevision: from, limit: pageSize }), {
    everyMs: 3_000,
  });
  const at = query('at');
  const state = useResource<AnswerOf<'getStreamState'>>(href(`${path}/state`, { at }));
  const [open, setOpen] = useState<number>();
  return (
    <>
      <PageHead title={stream} about={`of ${service}`}>
        <a class="button" href="/streams">
          All streams
        </a>
      </PageHead>
      <div class="split">
        <section class="card">
          <header>
            <h2>Events</h2>
          </header>
          <Loaded of={found}>
            {({ events }) => (
              <>
                <Table<Recorded>
                  caption="Events, oldest first"
                  rows={events}
                  keyOf={({ revision }) => String(revision)}
                  isChosen={(event) => event.at === at}
                  columns={[
                    { title: 'No.', isNumber: true, cell: ({ revision }) => revision },
                    {
                      title: 'Event',
                      cell: ({ type, revision, data }) => (
                        <>
                          <button
                            type="button"
                            class="button is-plain"
                            data-row
                            aria-expanded={open === revision}
                            onClick={() => setOpen(open === revision ? undefined : revision)}
                          >
                            {type}
                          </button>
                          {open === revision && <Json label={`Data of ${type}`} value={data} />}
                        </>
                      ),
                    },
                    { title: 'When', cell: (event) => <Ago at={event.at} /> },
                    {
                      title: 'As of then',
                      cell: (event) => (
                        <button type="button" class="button" onClick={() => setQuery({ at: event.at })}>
                          Show
                        </button>
                      ),
                    },
                  ]}
                />
                <Pages from={from} last={events[pageSize - 1]?.revision} />
              </>
            )}
          </Loaded>
        </section>
        <section class="card">
          <header>
            <h2>{at === '' ? 'Now' : `As of ${formatTime(at)}`}</h2>
            {at !== '' && (
              <div class="buttons">
                <button type="button" class="button" onClick={() => setQuery({ at: undefined })}>
                  Now
                </button>
              </div>
            )}
          </header>
          <div class="body stack">
            <p class="soft small">
              What the events up to then said last of each field. What the service makes of it is its own
              code.
            </p>
            <Loaded of={state}>{(value) => <Json label="State" value={value.state} />}</Loaded>
          </div>
        </section>
      </div>
    </>
  );
}

interface PagesProps {
  readonly from: number;
  /** Revision of the last event that is shown, if there may be more. */
  readonly last: number | undefined;
}

/** Nothing for a stream that is shown as a whole. */
function Pages({ from, last }: PagesProps): JSX.Element | null {
  if (from === 0 && last === undefined) return null;
  return (
    <div class="body buttons">
      <button
        type="button"
        class="button"
        disabled={from === 0}
        onClick={() => setQuery({ from: Math.max(0, from - pageSize) || undefined })}
      >
        Earlier events
      </button>
      <button
        type="button"
        class="button"
        disabled={last === undefined}
        onClick={() => setQuery({ from: (last ?? 0) + 1 })}
      >
        Later events
      </button>
    </div>
  );
}

import type { JSX } from 'preact';
import { patch } from '../../data/api.ts';
import type { AnswerOf, ErrorGroup } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { formatCount, plural } from '../../format.ts';
import { ask } from '../../parts/ask.tsx';
import { Badge, type Tone } from '../../parts/badge.tsx';
import { Text } from '../../parts/json.tsx';
import { notify } from '../../parts/notices.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import { QueryField, QuerySelect, ServiceSelect } from '../../parts/search-tools.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { Ago } from '../../parts/time.tsx';
import { href, query } from '../../router.ts';
import type { PageProps } from '../../shell/pages.ts';
import { system } from '../../shell/system.ts';

const tones: Record<ErrorGroup['state'], Tone> = { open: 'bad', resolved: 'good', ignored: 'plain' };

/** `/errors` and `/errors/GROUP`. */
export function ErrorsPage({ rest: [groupId] }: PageProps): JSX.Element {
  return groupId === undefined ? <Groups /> : <Group groupId={groupId} />;
}

function Groups(): JSX.Element {
  const found = useResource<AnswerOf<'listErrors'>>(
    href('/api/errors', { service: query('service'), state: query('state'), text: query('text') }),
    { everyMs: 3_000 },
  );
  return (
    <>
      <PageHead title="Errors" about="Exceptions of one cause at one place, once." />
      <div class="toolbar">
        <ServiceSelect />
        <QuerySelect
          name="state"
          label="State"
          options={[
            { value: '', title: 'Every state' },
            { value: 'open', title: 'Open' },
            { value: 'resolved', title: 'Resolved' },
            { value: 'ignored', title: 'Ignored' },
          ]}
        />
        <QueryField name="text" label="Words" />
      </div>
      <div class="card">
        <Loaded of={found}>
          {({ groups }) =>
            groups.length === 0 ? (
              <Empty title="No errors.">
                An exception that no contract declares would be here, with its stack.
              </Empty>
            ) : (
              <Table<ErrorGroup>
                caption="Groups of errors, those seen last first"
                rows={groups}
                keyOf={(group) => group.groupId}
                columns={[
                  {
                    title: 'Error',
                    cell: ({ groupId, type, message, place }) => (
                      <a data-row href={`/errors/${encodeURIComponent(groupId)}`} class="error-link">
                        <b>{type}</b> {message}
                        <span class="soft small mono">{place}</span>
                      </a>
                    ),
                  },
                  { title: 'Service', cell: ({ service }) => service },
                  { title: 'Times', isNumber: true, cell: ({ count }) => formatCount(count) },
                  { title: 'First', isWideOnly: true, cell: ({ firstSeenAt }) => <Ago at={firstSeenAt} /> },
                  { title: 'Last', cell: ({ lastSeenAt }) => <Ago at={lastSeenAt} /> },
                  {
                    title: 'State',
                    isWideOnly: true,
                    cell: ({ state, owner }) => (
                      <Badge tone={tones[state]}>{owner ? `${state}, ${owner}` : state}</Badge>
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

function Group({ groupId }: { readonly groupId: string }): JSX.Element {
  const path = `/api/errors/${encodeURIComponent(groupId)}`;
  const found = useResource<AnswerOf<'getError'>>(path, { everyMs: 5_000, keeps: false });
  const change = async (state: ErrorGroup['state']) => {
    try {
      await patch(path, { state });
      notify(`The error is ${state}.`);
    } catch (error) {
      notify(error instanceof Error ? error.message : String(error), { isBad: true });
    }
    found.reload();
  };
  const { value } = found;
  return (
    <>
      <PageHead title={value?.type ?? 'Error'} about={value === undefined ? undefined : value.service}>
        {value !== undefined && (
          <button type="button" class="button" onClick={() => askOwner(path, value.owner, found.reload)}>
            {value.owner === undefined ? 'Give it an owner' : 'Another owner'}
          </button>
        )}
        {value !== undefined && (
          <a class="button" href={href('/objectives', { service: value.service, group: groupId })}>
            Alert on a burst
          </a>
        )}
        {(['resolved', 'ignored', 'open'] as const)
          .filter((state) => value !== undefined && state !== value.state)
          .map((state) => (
            <button key={state} type="button" class="button" onClick={() => void change(state)}>
              {{ resolved: 'It is resolved', ignored: 'Ignore it', open: 'Open it again' }[state]}
            </button>
          ))}
      </PageHead>
      <Loaded of={found}>
        {(group) => (
          <div class="stack">
            <p class="problem">{group.message}</p>
            <p>
              <Badge tone={tones[group.state]}>
                {group.owner === undefined ? group.state : `${group.state}, ${group.owner}`}
              </Badge>{' '}
              {plural(group.count, 'time')}, first <Ago at={group.firstSeenAt} />, last{' '}
              <Ago at={group.lastSeenAt} />, at <code>{group.place || '?'}</code>
            </p>
            <section>
              <h2>Stack</h2>
              <Text label="Stack" text={group.stack === '' ? 'There was no stack.' : group.stack} />
            </section>
            <section class="card">
              <header>
                <h2>Newest</h2>
              </header>
              <Table
                caption="Newest errors of this group"
                rows={group.samples}
                keyOf={({ at, spanId }) => `${at} ${spanId}`}
                columns={[
                  { title: 'When', cell: ({ at }) => <Ago at={at} /> },
                  { title: 'Message', cell: ({ message }) => message },
                  {
                    title: 'Trace',
                    cell: ({ traceId, spanId }) =>
                      traceId === undefined ? (
                        '–'
                      ) : (
                        <a data-row class="mono" href={href(`/traces/${traceId}`, { span: spanId })}>
                          {traceId.slice(0, 8)}…
                        </a>
                      ),
                  },
                ]}
              />
            </section>
          </div>
        )}
      </Loaded>
    </>
  );
}

/** Whoever looks after it. */
function askOwner(path: string, owner: string | undefined, reload: () => void): void {
  ask({
    title: 'Who looks after it?',
    text: (
      <p>
        Everybody sees the name in the list. A mail address is mailed when the error is back after it was
        resolved. Without one it is nobody's.
      </p>
    ),
    edit: { label: 'Owner', text: owner ?? system.value?.by ?? '' },
    action: 'Keep',
    async run(text) {
      await patch(path, { owner: text.trim() });
      reload();
      return text.trim() === '' ? 'It is nobody’s.' : `${text.trim()} looks after it.`;
    },
  });
}

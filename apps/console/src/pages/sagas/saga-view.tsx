import type { JSX } from 'preact';
import { post } from '../../data/api.ts';
import type { Saga } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { formatMs, formatTime } from '../../format.ts';
import { ask, readJson } from '../../parts/ask.tsx';
import { Json } from '../../parts/json.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import { Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { Ago } from '../../parts/time.tsx';
import { Signed } from '../messages/dead-letters.tsx';
import { SagaBadge } from './saga-badge.tsx';

type Step = Saga['steps'][number];
type Verb = 'retry' | 'skip' | 'cancel' | 'repair';

const verbs: Record<Verb, { readonly title: string; readonly says: string; readonly isDanger?: boolean }> = {
  retry: { title: 'Retry', says: 'The step is tried again at once.' },
  skip: {
    title: 'Skip the step',
    says: 'It goes on as if the step were done. Do what the step should do yourself.',
  },
  repair: { title: 'Repair', says: 'You did the work of the step; write what it should have given.' },
  cancel: { title: 'Cancel', says: 'What it has done is undone, step by step.', isDanger: true },
};

export function SagaView({ service, id }: { readonly service: string; readonly id: string }): JSX.Element {
  const path = `/api/sagas/${encodeURIComponent(service)}/${encodeURIComponent(id)}`;
  const found = useResource<Saga>(path, { everyMs: 2_000 });
  const { value } = found;
  const isStuck = value?.status === 'stuck';
  const isEnded = value?.endedAt !== undefined;
  const offered: readonly Verb[] = isStuck ? ['retry', 'skip', 'repair', 'cancel'] : ['retry', 'cancel'];
  return (
    <>
      <PageHead title={value?.name ?? 'Saga'} about={<code>{id}</code>}>
        <a class="button" href="/sagas">
          All sagas
        </a>
        {!isEnded &&
          value !== undefined &&
          offered.map((verb) => (
            <button
              key={verb}
              type="button"
              class={`button ${verbs[verb].isDanger === true ? 'is-danger' : ''}`}
              onClick={() => act(verb, path, found.reload)}
            >
              {verbs[verb].title}
            </button>
          ))}
      </PageHead>
      <Loaded of={found}>{(saga) => <Whole saga={saga} />}</Loaded>
    </>
  );
}

function act(verb: Verb, path: string, reload: () => void): void {
  const { title, says, isDanger = false } = verbs[verb];
  ask({
    title: `${title}?`,
    text: (
      <>
        <p>{says}</p>
        <Signed />
      </>
    ),
    action: title,
    isDanger,
    ...(verb === 'repair' ? { edit: { label: 'Result of the step, as JSON', text: '{}' } } : {}),
    async run(text) {
      await post(`${path}/${verb}`, verb === 'repair' ? { result: readJson(text) } : {});
      reload();
      return {
        retry: 'It goes on.',
        skip: 'It goes on.',
        repair: 'It goes on.',
        cancel: 'It is being undone.',
      }[verb];
    },
  });
}

function between(from: string, to: string | undefined): number | undefined {
  return to === undefined ? undefined : Math.max(0, Date.parse(to) - Date.parse(from));
}

function Took({ step: { startedAt, endedAt, undone } }: { readonly step: Step }): JSX.Element {
  const tookMs = startedAt === undefined ? undefined : between(startedAt, endedAt);
  return (
    <>
      {formatMs(tookMs)}
      {undone !== undefined && (
        <div class="soft small">undone in {formatMs(between(undone.startedAt, undone.endedAt))}</div>
      )}
    </>
  );
}

function Exchange({ step }: { readonly step: Step }): JSX.Element {
  const { name, input, output, error } = step;
  return (
    <>
      {error !== undefined && <div class="reason">{error}</div>}
      {input !== undefined && (
        <details>
          <summary>asked</summary>
          <Json label={`Input of ${name}`} value={input} />
        </details>
      )}
      {output !== undefined && (
        <details>
          <summary>gave</summary>
          <Json label={`Result of ${name}`} value={output} />
        </details>
      )}
    </>
  );
}

function Whole({ saga }: { readonly saga: Saga }): JSX.Element {
  return (
    <div class="split">
      <div class="stack">
        <section class="card">
          <header>
            <h2>Steps</h2>
            <SagaBadge status={saga.status} />
            {saga.waitingFor.length > 0 && (
              <span class="soft small">waits for {saga.waitingFor.join(', ')}</span>
            )}
          </header>
          <Table<Step>
            caption="Steps in the order in which they began"
            rows={saga.steps}
            keyOf={({ name }) => name}
            columns={[
              { title: 'Step', cell: ({ name }) => name },
              { title: 'State', cell: ({ state }) => state },
              {
                title: 'Began after',
                isNumber: true,
                isWideOnly: true,
                cell: ({ startedAt }) => formatMs(between(saga.startedAt, startedAt)),
              },
              { title: 'Took', isNumber: true, cell: (step) => <Took step={step} /> },
              { title: 'Tries', isNumber: true, isWideOnly: true, cell: ({ attempts }) => attempts },
              { title: 'Asked, and was given', cell: (step) => <Exchange step={step} /> },
            ]}
          />
        </section>
        <section>
          <h2>Input</h2>
          <Json label="Input" value={saga.input} />
        </section>
        <dl class="facts">
          <dt>Service</dt>
          <dd>{saga.service}</dd>
          <dt>Began</dt>
          <dd>{formatTime(saga.startedAt)}</dd>
          <dt>Changed</dt>
          <dd>
            <Ago at={saga.changedAt} />
          </dd>
          {saga.endedAt !== undefined && (
            <>
              <dt>Ended</dt>
              <dd>{formatTime(saga.endedAt)}</dd>
            </>
          )}
          <dt>Worker</dt>
          <dd>{saga.worker ?? 'none'}</dd>
          {saga.traceId !== undefined && (
            <>
              <dt>Trace</dt>
              <dd>
                <a class="mono" href={`/traces/${saga.traceId}`}>
                  {saga.traceId}
                </a>
              </dd>
            </>
          )}
        </dl>
      </div>
      {saga.svg !== '' && (
        <figure class="card saga-picture">
          <img
            src={`data:image/svg+xml,${encodeURIComponent(saga.svg)}`}
            alt={`Path of ${saga.name}: ${saga.status}`}
          />
        </figure>
      )}
    </div>
  );
}

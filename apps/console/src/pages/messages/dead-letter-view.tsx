import type { JSX } from 'preact';
import { post, put } from '../../data/api.ts';
import type { AnswerOf } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { formatTime, plural } from '../../format.ts';
import { ask, readJson } from '../../parts/ask.tsx';
import { Json, Text } from '../../parts/json.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import { Loaded } from '../../parts/states.tsx';
import { navigate } from '../../router.ts';
import { Signed } from './dead-letters.tsx';

type Letter = AnswerOf<'getDeadLetter'>;

/** One dead letter: what it said, why it failed, and what can be done. */
export function DeadLetterView({
  service,
  id,
}: {
  readonly service: string;
  readonly id: string;
}): JSX.Element {
  const found = useResource<Letter>(pathOf({ service, id }));
  const { value } = found;
  return (
    <>
      <PageHead title={value?.topic ?? 'Dead letter'} about={`for ${service}`}>
        <a class="button" href="/messages">
          All messages
        </a>
        {value !== undefined && (
          <>
            <button type="button" class="button is-main" onClick={() => retry(value)}>
              Retry
            </button>
            <button type="button" class="button" onClick={() => edit(value)}>
              Edit and retry
            </button>
            <button type="button" class="button is-danger" onClick={() => discard(value)}>
              Discard
            </button>
          </>
        )}
      </PageHead>
      <Loaded of={found}>
        {(letter) => (
          <div class="stack">
            <p class="problem">{letter.reason.split('\n')[0]}</p>
            <dl class="facts">
              <dt>Dead since</dt>
              <dd>
                {formatTime(letter.deadSince)}, after {plural(letter.attempts, 'try', 'tries')}
              </dd>
              <dt>Behind it</dt>
              <dd>{letter.behind === 0 ? 'nothing' : `${plural(letter.behind, 'event')} of the same key`}</dd>
              <dt>Key</dt>
              <dd class="mono">{letter.key ?? '–'}</dd>
              <dt>Id</dt>
              <dd class="mono">{letter.id}</dd>
              {letter.traceId !== undefined && (
                <>
                  <dt>Trace</dt>
                  <dd>
                    <a class="mono" href={`/traces/${letter.traceId}`}>
                      {letter.traceId}
                    </a>
                  </dd>
                </>
              )}
            </dl>
            <section>
              <h2>Event</h2>
              <Json label="Event" value={letter.event} />
            </section>
            {letter.stack !== undefined && (
              <section>
                <h2>Stack of the last failure</h2>
                <Text label="Stack" text={letter.stack} />
              </section>
            )}
          </div>
        )}
      </Loaded>
    </>
  );
}

function pathOf({ service, id }: { readonly service: string; readonly id: string }): string {
  return `/api/dead-letters/${encodeURIComponent(service)}/${encodeURIComponent(id)}`;
}

function retry({ service, id }: Letter): void {
  ask({
    title: 'Deliver it again?',
    text: (
      <>
        <p>The handler of {service} runs again with the same data.</p>
        <Signed />
      </>
    ),
    action: 'Retry',
    async run() {
      await post(`/api/dead-letters/${encodeURIComponent(service)}/retry`, { ids: [id] });
      navigate('/messages');
      return 'Delivered again.';
    },
  });
}

function edit(letter: Letter): void {
  const { service, event } = letter;
  const isEvent = typeof event === 'object' && event !== null && !Array.isArray(event);
  const data = isEvent ? (event['data'] ?? null) : event;
  ask({
    title: 'Deliver it with other data?',
    text: (
      <>
        <p>
          {isEvent
            ? `The handler of ${service} runs again with what you write here.`
            : 'This was no event: write a whole one.'}
        </p>
        <Signed />
      </>
    ),
    edit: { label: 'Data, as JSON', text: JSON.stringify(data, null, 2) },
    action: 'Retry with this',
    async run(text) {
      await put(pathOf(letter), { data: readJson(text) });
      navigate('/messages');
      return 'Delivered again, with the new data.';
    },
  });
}

function discard({ service, id }: Letter): void {
  ask({
    title: 'Give it up?',
    text: (
      <>
        <p>What it should have caused at {service} will never happen.</p>
        <Signed />
      </>
    ),
    action: 'Discard',
    isDanger: true,
    async run() {
      await post(`/api/dead-letters/${encodeURIComponent(service)}/discard`, { ids: [id] });
      navigate('/messages');
      return 'Discarded.';
    },
  });
}

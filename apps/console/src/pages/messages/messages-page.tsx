import type { JSX } from 'preact';
import type { AnswerOf, ConsumerGroup } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { formatCount, formatMs } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { href } from '../../router.ts';
import type { PageProps } from '../../shell/pages.ts';
import { DeadLetterView } from './dead-letter-view.tsx';
import { DeadLetters } from './dead-letters.tsx';

type Outbox = AnswerOf<'listOutboxes'>['outboxes'][number];
type Topic = AnswerOf<'listTopics'>['topics'][number];

const everyMs = 2_000;
/** What waits longer is late; as the running services watch it. */
const consumerBoundMs = 60_000;

/** `/messages` and `/messages/SERVICE/LETTER`. */
export function MessagesPage({ rest: [service, id] }: PageProps): JSX.Element {
  return service !== undefined && id !== undefined ? (
    <DeadLetterView service={decodeURIComponent(service)} id={decodeURIComponent(id)} />
  ) : (
    <Overview />
  );
}

function Overview(): JSX.Element {
  const consumers = useResource<AnswerOf<'listConsumers'>>('/api/consumers', { everyMs });
  const outboxes = useResource<AnswerOf<'listOutboxes'>>('/api/outboxes', { everyMs });
  const topics = useResource<AnswerOf<'listTopics'>>('/api/topics');
  return (
    <>
      <PageHead title="Messages" about="Events on their way, and those that could not be handled." />
      <div class="stack">
        <DeadLetters />
        <section class="card">
          <header>
            <h2>Consumers</h2>
            <span class="soft small">How far each service has read what it listens to.</span>
          </header>
          <Loaded of={consumers}>{(value) => <Consumers of={value.consumers} />}</Loaded>
        </section>
        <section class="card">
          <header>
            <h2>Outboxes</h2>
            <span class="soft small">
              Whatever was committed is published within 30 s: the standing invariant.
            </span>
          </header>
          <Loaded of={outboxes}>{(value) => <Outboxes of={value.outboxes} />}</Loaded>
        </section>
        <section class="card">
          <header>
            <h2>Topics</h2>
          </header>
          <Loaded of={topics}>{(value) => <Topics of={value.topics} />}</Loaded>
        </section>
      </div>
    </>
  );
}

function Consumers({ of }: { readonly of: readonly ConsumerGroup[] }): JSX.Element {
  if (of.length === 0)
    return <Empty title="No service listens to events.">See `on` of a service definition.</Empty>;
  return (
    <Table<ConsumerGroup>
      caption="Consumers"
      rows={of}
      keyOf={({ service }) => service}
      columns={[
        { title: 'Service', cell: ({ service }) => <a href={href('/', { service })}>{service}</a> },
        { title: 'State', cell: (group) => <ConsumerState of={group} /> },
        {
          title: 'Not read',
          isNumber: true,
          cell: ({ behind }) => (behind === undefined ? '?' : formatCount(behind)),
        },
        {
          title: 'Not handled',
          isNumber: true,
          isWideOnly: true,
          cell: ({ waiting }) => formatCount(waiting),
        },
        { title: 'Oldest', isNumber: true, isWideOnly: true, cell: ({ behindMs }) => formatMs(behindMs) },
        { title: 'Dead', isNumber: true, cell: ({ deadLetters }) => formatCount(deadLetters) },
      ]}
    />
  );
}

function ConsumerState({ of }: { readonly of: ConsumerGroup }): JSX.Element {
  if (of.behind === undefined) return <Badge tone="bad">cannot read the log</Badge>;
  if ((of.behindMs ?? 0) > consumerBoundMs) return <Badge tone="bad">late</Badge>;
  if (of.deadLetters > 0) return <Badge tone="warn">dead letters</Badge>;
  return <Badge tone="good">on time</Badge>;
}

function Outboxes({ of }: { readonly of: readonly Outbox[] }): JSX.Element {
  return (
    <Table<Outbox>
      caption="Outboxes"
      rows={of}
      keyOf={({ service }) => service}
      columns={[
        { title: 'Service', cell: ({ service }) => service },
        {
          title: 'Invariant',
          cell: ({ isOnTime }) => (
            <Badge tone={isOnTime ? 'good' : 'bad'}>{isOnTime ? 'holds' : 'broken'}</Badge>
          ),
        },
        { title: 'To publish', isNumber: true, cell: ({ waiting }) => formatCount(waiting) },
        { title: 'Oldest', isNumber: true, cell: ({ oldestAgeMs }) => formatMs(oldestAgeMs) },
      ]}
    />
  );
}

function Topics({ of }: { readonly of: readonly Topic[] }): JSX.Element {
  if (of.length === 0) return <Empty title="No contract has events.">Declare some with `event(…)`.</Empty>;
  return (
    <Table<Topic>
      caption="Topics"
      rows={of}
      keyOf={({ topic }) => topic}
      columns={[
        {
          title: 'Topic',
          cell: ({ topic, service }) => (
            <a class="mono" href={`/contracts/${encodeURIComponent(service)}`}>
              {topic}
            </a>
          ),
        },
        { title: 'Type', isWideOnly: true, cell: ({ type }) => type },
        {
          title: 'Listeners',
          cell: ({ consumers }) =>
            consumers.length === 0 ? <span class="soft">nobody</span> : consumers.join(', '),
        },
      ]}
    />
  );
}

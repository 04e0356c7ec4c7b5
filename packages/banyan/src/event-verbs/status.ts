import { topicsOf } from '@banyan/chassis';
import type {
  EventLog,
  InboxCounts,
  OutboxBacklog,
  PartitionPlace,
  RequestCounts,
  StartAt,
} from '@banyan/events';
import type { ServicePorts } from '../event-ports.ts';
import { renderTable } from '../table.ts';
import type { VerbInput } from './verb.ts';

interface Standing {
  readonly service: string;
  readonly outbox: OutboxBacklog;
  /** Undefined for a service that listens to nothing. */
  readonly consumer: (InboxCounts & { readonly lag: number; readonly readers: number }) | undefined;
  /** Undefined for a service that asks nothing by message. */
  readonly requests: RequestCounts | undefined;
  readonly onTime: boolean;
}

/** The bounds of the standing invariants, as the running services watch them. */
const outboxBoundMs = 30_000;
const consumerBoundMs = 60_000;

/** `banyan events status`: for each service, what waits to be published and to be handled. Exit code 1 if a bound is broken. */
export async function status({ ports, words, options, terminal }: VerbInput): Promise<number> {
  const names = words.length > 0 ? words : ports.names;
  const standings: Standing[] = [];
  for (const name of names) standings.push(await standingOf(await ports.open(name), ports.log));
  if (options['json'] === true) terminal.write(`${JSON.stringify(standings, null, 2)}\n`);
  else terminal.write(renderStandings(standings, ports.log));
  return standings.every(({ onTime }) => onTime) ? 0 : 1;
}

async function standingOf(
  { service, outbox, inbox, requests: store }: ServicePorts,
  log: EventLog,
): Promise<Standing> {
  const topics = topicsOf(service);
  const asks = topics.includes(`@${service.name}.replies`);
  const [backlog, counts, places, requests] = await Promise.all([
    outbox.backlog(),
    inbox.counts(),
    inbox.places(log.id),
    asks ? store.counts() : undefined,
  ]);
  const consumer =
    topics.length === 0
      ? undefined
      : {
          ...counts,
          lag: await lagOf(log, { group: service.name, topics, places }),
          readers: new Set(places.flatMap(({ owner }) => owner ?? [])).size,
        };
  const onTime = backlog.oldestAgeMs <= outboxBoundMs && counts.oldestAgeMs <= consumerBoundMs;
  return { service: service.name, outbox: backlog, consumer, requests, onTime };
}

interface Reading {
  readonly group: string;
  readonly topics: readonly string[];
  readonly places: readonly PartitionPlace[];
}

/** Counted from the farthest place of each partition: a topic that was added later may be further behind. */
async function lagOf(log: EventLog, { group, topics, places }: Reading): Promise<number> {
  const from = new Map<number, StartAt>();
  for (let partition = 0; partition < log.partitions; partition++) {
    const place = places.find((each) => each.partition === partition);
    from.set(partition, Object.values(place?.positions ?? {})[0] ?? 'start');
  }
  return log.lag({ group, topics, from });
}

function renderStandings(standings: readonly Standing[], log: EventLog): string {
  const header = [
    'service',
    'state',
    'to publish',
    'oldest',
    'delayed',
    'refused',
    'readers',
    'lag',
    'pending',
    'oldest',
    'dead',
    'waiting',
  ];
  const rows = standings.map(({ service, outbox, consumer, onTime }) => [
    service,
    onTime ? 'on time' : 'LATE',
    String(outbox.count),
    duration(outbox.oldestAgeMs),
    String(outbox.delayed),
    String(outbox.dead),
    consumer === undefined ? '–' : String(consumer.readers),
    consumer === undefined ? '–' : String(consumer.lag),
    consumer === undefined ? '–' : String(consumer.pending),
    consumer === undefined ? '–' : duration(consumer.oldestAgeMs),
    consumer === undefined ? '–' : String(consumer.dead),
    consumer === undefined ? '–' : String(consumer.waiting),
  ]);
  return `log: ${log.id}, ${log.partitions} partitions\n\n${renderTable(header, rows)}${renderRequests(standings)}`;
}

/** Of services that have asked by message. */
function renderRequests(standings: readonly Standing[]): string {
  const rows = standings.flatMap(({ service, requests }) =>
    requests === undefined || Object.values(requests).every((count) => count === 0)
      ? []
      : [[service, ...[requests.waiting, requests.answered, requests.expired, requests.late].map(String)]],
  );
  if (rows.length === 0) return '';
  return `\n${renderTable(['requests of', 'waiting', 'answered', 'expired', 'late replies'], rows)}`;
}

function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}

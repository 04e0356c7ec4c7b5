import { topicsOf } from '@banyan/chassis';
import { isServiceError } from '@banyan/core';
import type { EventLog, InboxCounts, OutboxBacklog, RequestCounts } from '@banyan/events';
import { askServices, type LeftOut, sayLeftOut } from '../ask-services.ts';
import type { ServicePorts } from '../service-ports.ts';
import { renderTable } from '../table.ts';
import { type LogStanding, logStandingOf } from './log-standing.ts';
import { parseDuration, type VerbInput } from './verb.ts';

/** How a service stands towards its events. */
export interface Standing {
  readonly service: string;
  readonly outbox: OutboxBacklog;
  /** Undefined for a service that listens to nothing. */
  readonly consumer: (InboxCounts & Partial<LogStanding>) | undefined;
  /** Undefined for a service that asks nothing by message. */
  readonly requests: RequestCounts | undefined;
  readonly onTime: boolean;
}

/** What counts as late. */
interface Bounds {
  readonly outboxMs: number;
  readonly consumerMs: number;
}

/** As the running services watch them. */
export const standingBounds: Bounds = { outboxMs: 30_000, consumerMs: 60_000 };

/** `banyan events status`: for each service, what waits to be published and to be handled. Exit code 1 if a bound is broken, or nobody can know. */
export async function status({ ports, words, options, terminal }: VerbInput): Promise<number> {
  const bounds = boundsOf(options['late-after']);
  const log = await ports.openLog().catch((error: unknown) => {
    if (isServiceError(error) && error.code === 'unavailable') return error;
    throw error;
  });
  const { answers: standings, leftOut } = await askServices(
    { named: words, all: ports.names },
    async (name) => [await standingOf(await ports.open(name), { log, bounds })],
  );
  if (options['json'] === true)
    terminal.write(`${JSON.stringify([...standings, ...leftOut.map(unknownStanding)], null, 2)}\n`);
  else terminal.write(renderStandings(standings, log));
  if (leftOut.length > 0) terminal.fail(sayLeftOut(leftOut));
  return leftOut.length === 0 && standings.every(({ onTime }) => onTime) ? 0 : 1;
}

function unknownStanding({ service, reason }: LeftOut) {
  return { service, leftOut: reason, onTime: false };
}

function boundsOf(given: string | boolean | undefined): Bounds {
  if (typeof given !== 'string') return standingBounds;
  const ms = parseDuration('--late-after', given);
  return { outboxMs: ms, consumerMs: ms };
}

interface Measure {
  /** The log, or why it cannot be opened. */
  readonly log: EventLog | Error;
  readonly bounds: Bounds;
}

export async function standingOf(
  { service, outbox, inbox, requests: store }: ServicePorts,
  { log, bounds }: Measure,
): Promise<Standing> {
  const topics = topicsOf(service);
  const asks = topics.includes(`@${service.name}.replies`);
  const [backlog, counts, requests] = await Promise.all([
    outbox.backlog(),
    inbox.counts(),
    asks ? store.counts() : undefined,
  ]);
  const standing: Partial<LogStanding> =
    log instanceof Error
      ? { unreadable: log.message }
      : await logStandingOf(log, { group: service.name, topics, places: await inbox.places(log.id) });
  const consumer = topics.length === 0 ? undefined : { ...counts, ...standing };
  const onTime = backlog.oldestAgeMs <= bounds.outboxMs && isOnTime(consumer, bounds);
  return { service: service.name, outbox: backlog, consumer, requests, onTime };
}

function isOnTime(consumer: Standing['consumer'], { consumerMs }: Bounds): boolean {
  if (consumer === undefined) return true;
  return consumer.unreadable === undefined && behindMs(consumer) <= consumerMs;
}

function behindMs({ oldestAgeMs, oldestUnreadAgeMs = 0 }: NonNullable<Standing['consumer']>): number {
  return Math.max(oldestAgeMs, oldestUnreadAgeMs);
}

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
  'behind',
  'dead',
  'waiting',
];

function renderStandings(standings: readonly Standing[], log: EventLog | Error): string {
  const title = log instanceof Error ? `log: ${log.message}` : `log: ${log.id}, ${log.partitions} partitions`;
  const rows = standings.map(({ service, outbox, consumer, onTime }) => [
    service,
    onTime ? 'on time' : 'LATE',
    String(outbox.count),
    duration(outbox.oldestAgeMs),
    String(outbox.delayed),
    String(outbox.dead),
    figure(consumer?.readers),
    figure(consumer?.lag),
    figure(consumer?.pending),
    consumer === undefined ? '–' : duration(behindMs(consumer)),
    figure(consumer?.dead),
    figure(consumer?.waiting),
  ]);
  const failures = standings.flatMap(({ service, consumer }) =>
    log instanceof Error || consumer?.unreadable === undefined
      ? []
      : [`\n${service} cannot read the log: ${consumer.unreadable}\n`],
  );
  return `${title}\n\n${renderTable(header, rows)}${failures.join('')}${renderRequests(standings)}`;
}

/** Only for systems that ask by message. */
function renderRequests(standings: readonly Standing[]): string {
  const rows = standings.flatMap(({ service, requests }) =>
    requests === undefined
      ? []
      : [[service, ...[requests.waiting, requests.answered, requests.expired, requests.late].map(String)]],
  );
  if (rows.length === 0) return '';
  return `\n${renderTable(['requests of', 'waiting', 'answered', 'expired', 'late replies'], rows)}`;
}

function figure(value: number | undefined): string {
  return value === undefined ? '–' : String(value);
}

function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}

import { type Service, topicsOf } from '@banyan/chassis';
import type { OperationsHandlers } from '@banyan/console-api';
import { ServiceError } from '@banyan/core';
import type { CloudEvent, DeadLetter, DeadLetterChoice, DeadLetterPlace, EventLog } from '@banyan/events';
import { parseEvent } from '@banyan/events';
import { scrubText } from '@banyan/telemetry';
import { askServices } from '../ask-services.ts';
import { standingBounds, standingOf } from '../event-verbs/status.ts';
import type { SystemPorts } from '../service-ports.ts';
import { hideSecrets, restoreSecrets } from './hidden-secrets.ts';
import { traceIdIn } from './trace-id.ts';

export type MessageOperations = Pick<
  OperationsHandlers,
  | 'listTopics'
  | 'listConsumers'
  | 'listOutboxes'
  | 'listDeadLetters'
  | 'getDeadLetter'
  | 'editDeadLetter'
  | 'retryDeadLetters'
  | 'discardDeadLetters'
>;

/** What `banyan events` shows and does, for the console. */
export function createMessageOperations(
  openPorts: () => Promise<SystemPorts>,
  services: readonly Service[],
): MessageOperations {
  const standings = async () => {
    const ports = await openPorts();
    const log: EventLog | Error = await ports.openLog().catch((error: Error) => error);
    return askServices({ named: [], all: ports.names }, async (name) => [
      await standingOf(await ports.open(name), { log, bounds: standingBounds }),
    ]);
  };
  const letterOf = async (service: string, id: string) => {
    const { inbox } = await (await openPorts()).open(service);
    const letter = await inbox.deadLetter(id);
    if (letter === undefined) throw noDeadLetter(service, id);
    return { inbox, letter };
  };
  return {
    async listTopics() {
      const listeners = services.map((service) => ({ name: service.name, topics: topicsOf(service) }));
      return {
        topics: services.flatMap(({ name: service, contract }) =>
          Object.entries(contract.events).map(([event, { type }]) => {
            const topic = `${contract.name}.${event}`;
            const consumers = listeners
              .filter(({ topics }) => topics.includes(topic))
              .map(({ name }) => name);
            return { topic, service, type, consumers };
          }),
        ),
      };
    },
    async listConsumers() {
      const { answers, leftOut } = await standings();
      const consumers = answers.flatMap(({ service, consumer }) => {
        if (consumer === undefined) return [];
        const { lag, oldestUnreadAgeMs = 0, oldestAgeMs, pending, dead, unreadable } = consumer;
        return {
          service,
          ...(lag === undefined || unreadable !== undefined ? undefined : { behind: lag }),
          behindMs: Math.max(oldestAgeMs, oldestUnreadAgeMs),
          waiting: pending,
          deadLetters: dead,
        };
      });
      return { consumers, leftOut: [...leftOut] };
    },
    async listOutboxes() {
      const { answers, leftOut } = await standings();
      const outboxes = answers.map(({ service, outbox }) => ({
        service,
        waiting: outbox.count,
        oldestAgeMs: outbox.oldestAgeMs,
        boundMs: standingBounds.outboxMs,
        isOnTime: outbox.oldestAgeMs <= standingBounds.outboxMs,
      }));
      return { outboxes, leftOut: [...leftOut] };
    },
    async listDeadLetters({ service, limit = 200, after }) {
      const ports = await openPorts();
      const asked = { named: service === undefined ? [] : [service], all: ports.names };
      const begin = after === undefined ? undefined : placeIn('after', after);
      const { answers: found, leftOut } = await askServices(asked, async (name) => {
        const { inbox } = await ports.open(name);
        // One more than asked for, to know whether that is all.
        const [letters, total] = await Promise.all([
          inbox.deadLetters(limit + 1, begin),
          inbox.deadLetterTotal(),
        ]);
        return [{ name, total, letters: letters.map((letter) => summaryOf(name, letter)) }];
      });
      const letters = found.flatMap((each) => each.letters).toSorted(byPlace);
      const page = letters.slice(0, limit);
      const last = letters.length > limit ? page.at(-1) : undefined;
      return {
        deadLetters: page,
        totals: Object.fromEntries(
          found.flatMap(({ name, total: { count, last } }) =>
            last === undefined ? [] : [[name, { count, last: placeText(last) }] as const],
          ),
        ),
        ...(last === undefined ? undefined : { next: placeText({ deadAt: last.deadSince, id: last.id }) }),
        leftOut: [...leftOut],
      };
    },
    async getDeadLetter({ service, id }) {
      const { letter } = await letterOf(service, id);
      const { event, text, stack } = letter;
      const traceId = traceIdIn((event as { readonly traceparent?: unknown } | undefined)?.traceparent);
      return {
        ...summaryOf(service, letter),
        event: shownEvent(event ?? text ?? null) as never,
        ...(stack === undefined ? undefined : { stack: scrubText(stack) }),
        ...(traceId === undefined ? undefined : { traceId }),
      };
    },
    async editDeadLetter({ service, id, data }, { by }) {
      const { inbox, letter } = await letterOf(service, id);
      const event: CloudEvent =
        letter.event === undefined
          ? parseEvent(restoreSecrets(data, letter.text))
          : { ...letter.event, data: restoreSecrets(data, letter.event.data) as typeof letter.event.data };
      if (!(await inbox.editDeadLetter(id, event, by))) throw noDeadLetter(service, id);
      return {};
    },
    async retryDeadLetters({ service, ...asked }, { by }) {
      const chosen = choiceOf(asked);
      const { inbox } = await (await openPorts()).open(service);
      return { count: await inbox.retryDeadLetters(chosen, by) };
    },
    async discardDeadLetters({ service, ...asked }, { by }) {
      const chosen = choiceOf(asked);
      const { inbox } = await (await openPorts()).open(service);
      return { count: await inbox.discardDeadLetters(chosen, by) };
    },
  };
}

function summaryOf(service: string, { id, topic, key, reason, attempts, deadAt, waiting }: DeadLetter) {
  return {
    service,
    id,
    topic: topic ?? 'unknown',
    ...(key === undefined ? undefined : { key }),
    reason: scrubText(reason),
    attempts,
    deadSince: deadAt,
    behind: waiting,
  };
}

/** Names of an event's own fields are the platform's, and none is secret. */
function shownEvent(event: CloudEvent | string | null): unknown {
  return typeof event === 'object' && event !== null
    ? { ...event, data: hideSecrets(event.data) }
    : hideSecrets(event);
}

type Summary = ReturnType<typeof summaryOf>;

/** The order of each inbox, which is to the microsecond. */
function byPlace(a: Summary, b: Summary): number {
  const [one, other] = [sortable(a.deadSince), sortable(b.deadSince)];
  if (one !== other) return one < other ? -1 : 1;
  return a.id < b.id ? -1 : Number(a.id > b.id);
}

/** PostgreSQL leaves out zeros at the end. */
function sortable(time: string): string {
  const [seconds = '', fraction = ''] = time.slice(0, -1).split('.');
  return `${seconds}.${fraction.padEnd(6, '0')}`;
}

interface Chosen {
  readonly ids?: readonly string[] | undefined;
  readonly through?: string | undefined;
}

function choiceOf({ ids, through = '' }: Chosen): DeadLetterChoice {
  return ids ?? { through: placeIn('through', through) };
}

function placeText({ deadAt, id }: DeadLetterPlace): string {
  return `${deadAt} ${id}`;
}

/** What `placeText` has said. @throws ServiceError `invalid_argument` `invalid_input` for anything else */
function placeIn(field: string, text: string): DeadLetterPlace {
  const [, deadAt, id] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z) (.+)$/.exec(text) ?? [];
  if (deadAt !== undefined && id !== undefined && !Number.isNaN(Date.parse(deadAt))) return { deadAt, id };
  throw new ServiceError(`${field}: expected a place that a list of dead letters gave.`, {
    code: 'invalid_argument',
    reason: 'invalid_input',
  });
}

function noDeadLetter(service: string, id: string): ServiceError {
  return new ServiceError(`'${service}' has no dead letter '${id.slice(0, 100)}': perhaps it was retried.`, {
    code: 'not_found',
    reason: 'no_dead_letter',
  });
}

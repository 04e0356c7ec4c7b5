import type { Contract, Events } from './contract.ts';
import { type EventType, event } from './event.ts';
import type { JsonSchema } from './json-schema.ts';
import type { StandardIssue, StandardSchema } from './standard-schema.ts';

/** A standing invariant of a service's events, sagas or flows broke, or holds again. */
export interface BanyanAlarm {
  /**
   * `outbox`: every committed event is published in time. `consumer`: every event for the service is handled in time. `sagas`: none needs an operator.
   * `readers`: the subscription or projection that `reader` names is not too far behind its event store. `flows`: none of the flows that `flow` names is late.
   */
  readonly invariant: 'outbox' | 'consumer' | 'sagas' | 'readers' | 'flows';
  readonly state: 'broken' | 'restored';
  /** Age of the oldest event that waits, or time since the last one of a flow, in milliseconds. */
  readonly ageMs: number;
  /** The age from which on the invariant is broken, in milliseconds. */
  readonly boundMs: number;
  /** Events that wait, or flows that are late. */
  readonly count: number;
  /** Which of the service's subscriptions and projections; for the invariant `readers` alone. */
  readonly reader?: string;
  /** Which kind of flow; for the invariant `flows` alone. */
  readonly flow?: string;
}

/** What the platform tells of every service, beside the events of its contract. */
export interface PlatformEvents {
  readonly banyanAlarm: EventType<StandardSchema<BanyanAlarm>, undefined>;
}

const alarmFields = {
  invariant: {
    type: 'string',
    enum: ['outbox', 'consumer', 'sagas', 'readers', 'flows'],
    description:
      'Whether events wait to be published, or to be handled by the service; a saga needs an operator; a reader of the event store is behind; or flows are late.',
  },
  state: { type: 'string', enum: ['broken', 'restored'], description: 'Whether one waits for too long.' },
  ageMs: {
    type: 'number',
    minimum: 0,
    description: 'Age of the oldest event that waits, or time since the last one of a flow, in milliseconds.',
  },
  boundMs: {
    type: 'number',
    minimum: 0,
    description: 'The age from which on the invariant is broken, in milliseconds.',
  },
  count: { type: 'integer', minimum: 0, description: 'Events that wait, or flows that are late.' },
  reader: { type: 'string', description: 'Which subscription or projection; for the invariant `readers`.' },
  flow: { type: 'string', description: 'Which kind of flow; for the invariant `flows`.' },
} as const satisfies Record<keyof BanyanAlarm, JsonSchema>;

const optionalFields: ReadonlySet<string> = new Set<keyof BanyanAlarm>(['reader', 'flow']);

const declared: PlatformEvents = {
  banyanAlarm: event('BanyanAlarm', {
    // What the reader of a name looks for; it broke, or holds again.
    anyName: true,
    data: alarmSchema(),
    key: 'invariant',
    description:
      'Something of the service waits for too long: an event in its outbox or before its consumer, a saga, a flow; or nothing does any longer.',
  }),
};

/** Names and CloudEvents types that a contract cannot give to events of its own. */
export const reservedEvents: ReadonlySet<string> = new Set(
  Object.entries(declared).flatMap(([name, { type }]) => [name, type]),
);

/** The platform's events about the service of that name: consumers listen to them as to its own, `on: { 'orders.banyanAlarm': … }`. */
export function platformEvents(service: string): PlatformEvents {
  return { banyanAlarm: { ...declared.banyanAlarm, service, name: 'banyanAlarm' } };
}

/** Every event that can be listened to: those of the contract, and the platform's about its service. */
export function consumableEvents({ name, events }: Pick<Contract, 'name' | 'events'>): Events {
  return { ...events, ...platformEvents(name) };
}

/** Written by hand, so that the platform needs no schema library. */
function alarmSchema(): StandardSchema<BanyanAlarm> {
  const describe = () => ({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: alarmFields,
    required: Object.keys(alarmFields).filter((name) => !optionalFields.has(name)),
  });
  return {
    '~standard': {
      version: 1,
      vendor: 'banyan',
      validate(value) {
        const given = (value ?? {}) as Record<string, unknown>;
        const names = Object.keys(alarmFields).filter(
          (name) => given[name] !== undefined || !optionalFields.has(name),
        );
        const alarm = Object.fromEntries(names.map((name) => [name, given[name]]));
        const issues = Object.entries(alarmFields).flatMap(([name, field]) =>
          name in alarm ? issuesOf(alarm[name], name, field) : [],
        );
        return issues.length > 0 ? { issues } : { value: alarm as unknown as BanyanAlarm };
      },
      jsonSchema: { input: describe, output: describe },
    },
  };
}

type Field = (typeof alarmFields)[keyof typeof alarmFields];

function issuesOf(value: unknown, name: string, field: Field): readonly StandardIssue[] {
  if ('enum' in field) {
    const isOne = (field.enum as readonly unknown[]).includes(value);
    return isOne ? [] : [{ message: `must be one of ${field.enum.join(', ')}`, path: [name] }];
  }
  if (field.type === 'string') {
    return typeof value === 'string' ? [] : [{ message: 'must be a string', path: [name] }];
  }
  const isWhole = field.type === 'number' || Number.isInteger(value);
  return typeof value === 'number' && value >= 0 && isWhole
    ? []
    : [
        {
          message: `must be ${field.type === 'number' ? 'a number' : 'an integer'} of at least 0`,
          path: [name],
        },
      ];
}

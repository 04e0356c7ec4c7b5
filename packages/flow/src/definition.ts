import { createHash } from 'node:crypto';
import type { EventType, StandardSchema } from '@banyan/contract';

/** An event whose data has the field that names the flow. */
// biome-ignore lint/suspicious/noExplicitAny: a schema's input is invariant and of no interest here.
type EventWith<Key extends string> = EventType<StandardSchema<any, Readonly<Record<Key, string>>>, any>;

/** An event that tells in its own way which flow it belongs to; made by `correlate`. */
export interface CorrelatedEvent {
  readonly kind: 'correlated';
  readonly event: EventType;
  readonly keyOf: (data: unknown) => string | undefined;
}

type Shown<Key extends string> = EventWith<Key> | CorrelatedEvent;
/** What shows something: any of these events. */
type ShownBy<Key extends string> = Shown<Key> | readonly Shown<Key>[];

export interface FlowStepOptions<Key extends string, Names extends string> {
  /** Shows that the step was carried out. */
  readonly done: ShownBy<Key>;
  /** Shows that it could not be. */
  readonly failed?: ShownBy<Key>;
  /** Shows that it was undone: a flow that goes badly is over when each step that was done and can be undone is. */
  readonly undone?: ShownBy<Key>;
  /** Steps that come before this one. Default: the step above it. Steps with the same `after` go on side by side. */
  readonly after?: readonly Names[];
  /** The flow may end well without it. Default false. */
  readonly optional?: boolean;
}

export interface FlowOptions<Key extends string, Names extends string> {
  /** Field of the events' data that is the same for all events of one flow, such as `orderId`. */
  readonly key: Key;
  /** Steps by name, in the order in which they are expected. Events may come in any other. */
  readonly steps: { readonly [Name in Names]: FlowStepOptions<Key, NoInfer<Names>> };
  /**
   * Events that end it. Without `well` it ends well when every step is done, without `badly` it ends badly when one has failed and the others are
   * undone. An end that comes before the steps are known to be done, or undone, waits for them.
   */
  readonly ends?: { readonly well?: ShownBy<Key>; readonly badly?: ShownBy<Key> };
  /** A flow under way of which nothing is heard for so long is late. */
  readonly lateAfterMs: number;
  /** A flow that takes longer than this from its first event to its end is late as well. */
  readonly withinMs?: number;
  /** How long a flow is remembered after its end. Default 30 days. */
  readonly keepMs?: number;
}

/** What one event says of a flow. */
export interface Sign {
  /** `kitchen.ticketCreated` */
  readonly topic: string;
  readonly keyOf: (data: unknown) => string | undefined;
}

export interface FlowStep {
  readonly name: string;
  readonly done: readonly Sign[];
  readonly failed: readonly Sign[];
  readonly undone: readonly Sign[];
  readonly after: readonly string[];
  readonly isOptional: boolean;
}

/** A process across services, described by the events that show how far it is. */
export interface FlowDefinition {
  readonly kind: 'flow';
  readonly name: string;
  readonly steps: readonly FlowStep[];
  readonly ends: { readonly well: readonly Sign[]; readonly badly: readonly Sign[] };
  readonly lateAfterMs: number;
  readonly withinMs: number | undefined;
  readonly keepMs: number;
  /** The events it is told by: `kitchen.ticketCreated`. */
  readonly topics: readonly string[];
  /** Differs for definitions that read events differently. */
  readonly fingerprint: string;
}

const namePattern = /^[a-zA-Z][A-Za-z0-9_-]{0,127}$/;
const defaultKeepMs = 30 * 24 * 3_600_000;

/**
 * Describes a flow: which events of which services show that its steps are done, have failed or were undone. Give it to the service that is to watch it,
 * `service(…, { flows: [createOrder] })`.
 * @throws TypeError, with the fix in the text
 */
export function flow<const Key extends string, const Names extends string>(
  name: string,
  options: FlowOptions<Key, Names>,
): FlowDefinition {
  const refuse = (why: string) => new TypeError(`flow('${name}'): ${why}`);
  if (!namePattern.test(name)) throw refuse("name it in camelCase or kebab-case, such as 'createOrder'.");
  const signs = (shown: ShownBy<Key> | undefined) => toSigns(shown, options.key, refuse);
  const given = Object.entries<FlowStepOptions<Key, Names>>(options.steps);
  if (given.length === 0) throw refuse('give it at least one step.');
  const steps = given.map(([stepName, step], index): FlowStep => {
    const above = given[index - 1]?.[0];
    return {
      name: stepName,
      done: signs(step.done),
      failed: signs(step.failed),
      undone: signs(step.undone),
      after: step.after ?? (above === undefined ? [] : [above]),
      isOptional: step.optional ?? false,
    };
  });
  checkSteps(steps, refuse);
  const { lateAfterMs, withinMs, keepMs = defaultKeepMs } = options;
  for (const [field, value] of Object.entries({ lateAfterMs, withinMs, keepMs })) {
    if (value !== undefined && !(Number.isFinite(value) && value > 0))
      throw refuse(`'${field}' must be a positive number of milliseconds.`);
  }
  const ends = { well: signs(options.ends?.well), badly: signs(options.ends?.badly) };
  if (ends.well.length === 0 && steps.every(({ isOptional }) => isOptional)) {
    throw refuse("it would end before it began: give 'ends.well', or a step that is not optional.");
  }
  const all = [...steps.flatMap(({ done, failed, undone }) => [...done, ...failed, ...undone])];
  const topics = [...new Set([...all, ...ends.well, ...ends.badly].map(({ topic }) => topic))];
  const shape = JSON.stringify({ steps, ends, lateAfterMs, withinMs });
  const fingerprint = createHash('sha256').update(shape).digest('hex').slice(0, 16);
  return { kind: 'flow', name, steps, ends, lateAfterMs, withinMs, keepMs, topics, fingerprint };
}

/**
 * An event that does not have the flow's key as a field: `keyOf` finds it, or returns undefined for an event that belongs to no flow of this kind. It must be pure.
 */
export function correlate<E extends EventType>(
  event: E,
  keyOf: (data: OutputOfEvent<E>) => string | undefined,
): CorrelatedEvent {
  return { kind: 'correlated', event, keyOf: keyOf as CorrelatedEvent['keyOf'] };
}

type OutputOfEvent<E extends EventType> =
  E['data'] extends StandardSchema<infer _Input, infer Output> ? Output : never;

type Refuse = (why: string) => TypeError;

function toSigns<Key extends string>(
  shown: ShownBy<Key> | undefined,
  key: Key,
  refuse: Refuse,
): readonly Sign[] {
  const list = shown === undefined ? [] : isList(shown) ? shown : [shown];
  return list.map((each) => {
    const event: EventType = each.kind === 'correlated' ? each.event : each;
    if (event.service === '') {
      throw refuse(`take '${event.type}' from its contract, such as 'orders.events.created'.`);
    }
    const keyOf = each.kind === 'correlated' ? each.keyOf : (data: unknown) => fieldOf(data, key);
    return { topic: `${event.service}.${event.name}`, keyOf };
  });
}

function isList<Item>(shown: Item | readonly Item[]): shown is readonly Item[] {
  return Array.isArray(shown);
}

function fieldOf(data: unknown, key: string): string | undefined {
  const value = (data as Readonly<Record<string, unknown>> | null)?.[key];
  return typeof value === 'string' ? value : undefined;
}

function checkSteps(steps: readonly FlowStep[], refuse: Refuse): void {
  const above = new Set<string>();
  for (const { name, done, after } of steps) {
    if (!namePattern.test(name)) throw refuse(`name step '${name}' in camelCase or kebab-case.`);
    if (done.length === 0) throw refuse(`step '${name}': give the event that shows that it is done.`);
    for (const other of after) {
      if (!above.has(other))
        throw refuse(`step '${name}': 'after' names '${other}', which is no step above it.`);
    }
    above.add(name);
  }
}

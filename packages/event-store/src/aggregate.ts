import type { EventOf, EventTypes, NewEvent } from './event-types.ts';

/** An event as an aggregate sees it. */
export type AggregateEvent<Types extends EventTypes> = EventOf<Types> & {
  /** Version of the type that was stored, so that what was decided by older rules can keep its meaning. */
  readonly version: number;
};

/** What a kind of aggregate does, as pure functions: same input, same output, nothing else. */
export interface Aggregate<Types extends EventTypes, State, Command> {
  /** First part of the name of its streams: `order` for `order-42`. */
  readonly name: string;
  readonly events: Types;
  /** Of the shape and meaning of the state, from 1: snapshots of another version are thrown away. */
  readonly version: number;
  readonly initialState: State;
  /** What follows from a command; none for nothing. Refuses by throwing. May run again if somebody else was faster. */
  readonly decide: (command: Command, state: State) => readonly NewEvent<Types>[];
  /** The state after an event. Never throws for an event that `decide` has allowed. */
  readonly evolve: (state: State, event: AggregateEvent<Types>) => State;
  /** Events that make up for one, given the state before it; needed to reverse it. */
  readonly compensate: Compensations<Types, State>;
  /** Events read at once that are worth a snapshot; undefined for none. The state must be JSON. */
  readonly snapshotEvery: number | undefined;
}

/** For each type of event that can be reversed, the events that make up for it. */
export type Compensations<Types extends EventTypes, State> = {
  readonly [Type in keyof Types & string]?: (
    event: Extract<EventOf<Types>, { readonly type: Type }>,
    before: State,
  ) => readonly NewEvent<Types>[];
};

/** What {@link defineAggregate} is told. */
export interface AggregateOptions<Types extends EventTypes, State, Command> {
  readonly name: string;
  readonly events: Types;
  /** Default 1. */
  readonly version?: number;
  readonly initialState: State;
  readonly decide: Aggregate<Types, State, Command>['decide'];
  readonly evolve: Aggregate<Types, State, Command>['evolve'];
  readonly compensate?: Compensations<Types, State>;
  readonly snapshotEvery?: number;
}

/**
 * Defines a kind of aggregate (Evans, Domain-Driven Design; the decider of Chassaing).
 * @throws TypeError if the name has a `-`, or the numbers are not whole and positive
 */
export function defineAggregate<Types extends EventTypes, State, Command>(
  options: AggregateOptions<Types, State, Command>,
): Aggregate<Types, State, Command> {
  const { name, version = 1, snapshotEvery, compensate = {} } = options;
  if (!/^[A-Za-z][A-Za-z0-9_.]{0,59}$/.test(name)) {
    throw new TypeError(
      `defineAggregate('${name}'): use letters and digits; '-' separates the name from the id.`,
    );
  }
  for (const number of [version, snapshotEvery ?? 1]) {
    if (!Number.isInteger(number) || number < 1) {
      throw new TypeError(
        `defineAggregate('${name}'): 'version' and 'snapshotEvery' are whole numbers from 1.`,
      );
    }
  }
  return { ...options, version, snapshotEvery, compensate };
}

import assert from 'node:assert/strict';
import { isServiceError } from '@banyan/core';
import type { Aggregate, AggregateEvent } from './aggregate.ts';
import type { EventTypes, NewEvent } from './event-types.ts';

export interface Given<Types extends EventTypes, State, Command> {
  when(command: Command): When<Types, State>;
  /** The state after what was given. */
  thenState(state: State): void;
}

export interface When<Types extends EventTypes, State> {
  /** Exactly these events follow; none for nothing. */
  then(events: readonly NewEvent<Types>[]): void;
  /** The command is refused with this `reason` (of a `ServiceError`), or an error that has these properties, or is of this class. */
  thenRefused(error: string | RegExp | object | (new (...parameters: never[]) => Error)): void;
  /** The state after what was given and what followed. */
  thenState(state: State): void;
}

/** Tests an aggregate without a database: `given(order, [placed]).when({ type: 'cancel' }).then([cancelled])`. */
export function given<Types extends EventTypes, State, Command>(
  aggregate: Aggregate<Types, State, Command>,
  events: readonly NewEvent<Types>[],
): Given<Types, State, Command> {
  const apply = (state: State, list: readonly NewEvent<Types>[]) =>
    list.reduce((current, event) => {
      const version = aggregate.events[event.type]?.version ?? 1;
      return aggregate.evolve(current, { ...event, version } as unknown as AggregateEvent<Types>);
    }, state);
  const state = apply(aggregate.initialState, events);
  return {
    thenState: (expected) => assert.deepEqual(state, expected),
    when(command) {
      const decide = () => aggregate.decide(command, state);
      return {
        // biome-ignore lint/suspicious/noThenProperty: given-when-then is what this way of testing is called; nobody awaits it.
        then: (expected) => assert.deepEqual(decide(), expected),
        thenState: (expected) => assert.deepEqual(apply(state, decide()), expected),
        thenRefused(error) {
          if (typeof error !== 'string') return assert.throws(decide, error as never);
          assert.throws(decide, (thrown) => {
            assert.equal(isServiceError(thrown) ? thrown.reason : String(thrown), error);
            return true;
          });
        },
      };
    },
  };
}

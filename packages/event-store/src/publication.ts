import type { Contract, InputOf } from '@banyan/contract';
import type { Recorded } from './event-store.ts';
import type { EventOf, EventTypes } from './event-types.ts';

/** Name and data of an event of the contract. */
export type Published<C extends Contract> = {
  [Name in keyof C['events'] & string]: readonly [Name, InputOf<C['events'][Name]['data']>];
}[keyof C['events'] & string];

/** What others may know of internal events, by type; what is not in it stays inside. */
export type PublicationMap<C extends Contract, Types extends EventTypes> = {
  readonly [Type in keyof Types & string]?: (
    event: Extract<EventOf<Types>, { readonly type: Type }> & Pick<Recorded, 'stream' | 'revision'>,
  ) => Published<C> | undefined;
};

/** A transaction of a service, as the chassis gives it. */
export interface Emitting {
  // biome-ignore lint/suspicious/noExplicitAny: `Emit` of the chassis is generic in the name, which is erased here.
  readonly emit: (name: any, data: any) => void;
}

/** How internal events become events of the contract. */
export interface Publication<Types extends EventTypes> {
  /** Emits what the events say to others, in their order; `first` is the place of the first of them in its stream. */
  publish(
    tx: Emitting,
    first: Pick<Recorded, 'stream' | 'revision'>,
    events: readonly EventOf<Types>[],
  ): void;
}

/**
 * Maps internal events to those of `contract`. It happens once, where they are appended, in the same transaction: no replay publishes anything.
 * @throws TypeError if the map names a type that is not in `events`
 */
export function definePublication<C extends Contract, Types extends EventTypes>(
  contract: C,
  events: Types,
  map: PublicationMap<C, Types>,
): Publication<Types> {
  for (const type of Object.keys(map)) {
    if (!Object.hasOwn(events, type)) {
      throw new TypeError(`definePublication('${contract.name}'): there is no event type '${type}'.`);
    }
  }
  const mappings = new Map(Object.entries(map)) as Map<string, (event: unknown) => Published<C> | undefined>;
  return {
    publish(tx, { stream, revision }, appended) {
      for (const [index, event] of appended.entries()) {
        const published = mappings.get(event.type)?.({ ...event, stream, revision: revision + index });
        if (published !== undefined) tx.emit(published[0], published[1]);
      }
    },
  };
}

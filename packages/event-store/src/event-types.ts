import {
  createValidator,
  eventNameIssue,
  type InputOf,
  type OutputOf,
  type Schema,
  type Validator,
} from '@banyan/contract';
import { isServiceError } from '@banyan/core';
import { eventStoreError } from './errors.ts';

/** What in an event is about a person, and so must be erasable although events stay. */
export interface PersonalData<Data> {
  /** Whose data it is; the name of the key that encrypts it. Never a name or an address itself: it is stored as it is. */
  readonly subject: (data: Data) => string;
  /** The fields that are encrypted, each with the value that it reads as once the key is gone. */
  readonly erased: Partial<Data>;
}

/** One type of internal event. Only `data` is stored: what the schema yields, as JSON. */
export interface EventDefinition<S extends Schema = Schema> {
  readonly schema: S;
  /** Of the schema, from 1. */
  readonly version: number;
  /** From each older version to the next. */
  // biome-ignore lint/suspicious/noExplicitAny: only the author knows the shape that an old version had.
  readonly upcast: Readonly<Record<number, (old: any) => unknown>>;
  readonly personal: PersonalData<OutputOf<S>> | undefined;
  readonly anyName: boolean;
}

/** The types of internal events, by name. */
// biome-ignore lint/suspicious/noExplicitAny: `personal` is contravariant in the data; only `any` accepts every definition.
export type EventTypes = Readonly<Record<string, EventDefinition<any>>>;

/** An event as it is read: `type` and `data`, discriminated by `type`. */
export type EventOf<Types extends EventTypes> = {
  readonly [Type in keyof Types & string]: {
    readonly type: Type;
    readonly data: OutputOf<Types[Type]['schema']>;
  };
}[keyof Types & string];

/** An event as it is given to the store. */
export type NewEvent<Types extends EventTypes> = {
  readonly [Type in keyof Types & string]: {
    readonly type: Type;
    readonly data: InputOf<Types[Type]['schema']>;
    /** What append conditions and queries find it by, such as `course:17`. */
    readonly tags?: readonly string[];
  };
}[keyof Types & string];

/** What {@link defineEvent} is told. */
export interface EventOptions<S extends Schema> {
  readonly schema: S;
  /** Default 1. */
  readonly version?: number;
  /** `{ 1: (v1) => v2, 2: (v2) => v3 }` for version 3; pure functions. */
  // biome-ignore lint/suspicious/noExplicitAny: see `EventDefinition`.
  readonly upcast?: Readonly<Record<number, (old: any) => unknown>>;
  readonly personal?: PersonalData<OutputOf<S>>;
  /** The name is right although it is not in the past tense, or sounds like storage. Say why beside it. */
  readonly anyName?: boolean;
}

/**
 * Defines a type of event.
 * @throws TypeError, with the fix in the text, if an up-caster is missing or has no version to start from
 */
export function defineEvent<S extends Schema>(options: EventOptions<S>): EventDefinition<S> {
  const { schema, version = 1, upcast = {}, personal, anyName = false } = options;
  if (!Number.isInteger(version) || version < 1 || version > 1_000) {
    throw new TypeError(`defineEvent(): 'version' is a whole number from 1, not ${String(version)}.`);
  }
  for (let from = 1; from < version; from += 1) {
    if (typeof upcast[from] !== 'function') {
      throw new TypeError(
        `defineEvent(): version ${version} needs 'upcast.${from}', a function to ${from + 1}.`,
      );
    }
  }
  for (const from of Object.keys(upcast)) {
    if (!(Number(from) >= 1 && Number(from) < version)) {
      throw new TypeError(
        `defineEvent(): 'upcast.${from}' leads beyond version ${version}; raise 'version'.`,
      );
    }
  }
  if (personal !== undefined && Object.keys(personal.erased).length === 0) {
    throw new TypeError(
      "defineEvent(): name the personal fields in 'personal.erased', or leave 'personal' out.",
    );
  }
  return { schema, version, upcast, personal, anyName };
}

const maxNameLength = 100;

/**
 * The types of events of one store.
 * @throws TypeError, with the fix in the text, if a name does not say what has happened
 */
export function defineEvents<const Types extends EventTypes>(types: Types): Types {
  for (const [type, { anyName }] of Object.entries(types)) {
    const issue =
      type.length > maxNameLength
        ? `a name has at most ${maxNameLength} characters.`
        : eventNameIssue(type, anyName);
    if (issue !== undefined) throw new TypeError(`defineEvents(): '${type.slice(0, 200)}': ${issue}`);
  }
  return types;
}

/** Validates what is written and brings what is read to the current version. */
export class EventReader<Types extends EventTypes> {
  readonly #types: Map<
    string,
    { readonly definition: EventDefinition; readonly validator: Validator<unknown> }
  >;

  constructor(types: Types) {
    this.#types = new Map(
      Object.entries(types).map(([type, definition]) => [
        type,
        { definition, validator: createValidator(definition.schema, 'input') },
      ]),
    );
  }

  /** @throws ServiceError `failed_precondition` `event_type_unknown` */
  definitionOf(type: string): EventDefinition {
    return this.#find(type).definition;
  }

  /** @throws ServiceError `event_type_unknown`; `invalid_argument` `invalid_input` */
  validate(type: string, data: unknown): unknown {
    return this.#find(type).validator.parse(data);
  }

  /**
   * `data` of version `version`, as the current version has it. Data of the current version was validated when it was written.
   * @throws ServiceError `event_type_unknown`, `event_version_unknown`, `event_upcast_failed`
   */
  upcast(type: string, version: number, data: unknown): unknown {
    const { definition, validator } = this.#find(type);
    if (version === definition.version) return data;
    if (version > definition.version || version < 1) {
      throw eventStoreError('event_version_unknown', {
        message: `'${type}' is stored in version ${version}; this code knows it up to ${definition.version}.`,
      });
    }
    try {
      let current = data;
      for (let from = version; from < definition.version; from += 1)
        current = definition.upcast[from]?.(current);
      return validator.parse(current);
    } catch (cause) {
      const why = isServiceError(cause) ? ` ${cause.message}` : '';
      throw eventStoreError('event_upcast_failed', {
        message: `'${type}' of version ${version} cannot be brought to version ${definition.version}.${why}`,
        cause,
      });
    }
  }

  #find(type: string) {
    const found = this.#types.get(type);
    if (found !== undefined) return found;
    throw eventStoreError('event_type_unknown', {
      message: `'${type}' is no event type of this store; it has ${[...this.#types.keys()].join(', ') || 'none'}.`,
    });
  }
}

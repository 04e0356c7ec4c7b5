import {
  type Contract,
  type DeclaredErrors,
  type InputOf,
  isBinary,
  type Operation,
  type OutputOf,
  operation,
  type Schema,
  type StandardSchema,
} from '@banyan/contract';
import type { Access } from '../policy.ts';
import { isOfTheGateway, type JoinedOperation } from './joined-operation.ts';
import { joinedSchema } from './joined-schema.ts';
import { type Part, runParts } from './run-parts.ts';

/** A part that an answer lacks, or has something else for. */
export interface MissingPart {
  readonly part: string;
  /** `refused`: its service said no, such as that there is none. `unavailable`: it did not say. */
  readonly because: 'refused' | 'unavailable';
  readonly reason: string;
  /** What stands in its place. */
  readonly given: 'nothing' | 'fallback' | 'kept';
  /** Age of what was kept, in seconds. */
  readonly ageS?: number;
}

type OperationOf<C extends Contract, Name> = Name extends keyof C['operations']
  ? C['operations'][Name]
  : never;
type InputsOf<Op> = Op extends Operation<infer Input, infer _O, infer _E> ? InputOf<Input> : never;
type OutputsOf<Op> =
  Op extends Operation<infer _I, infer Output, infer _E>
    ? Output extends Schema
      ? OutputOf<Output>
      : never
    : never;

/** Where in `Sources` there is a `Value`: `input.orderId`, `order.restaurant.restaurantId`. */
export type Reference<Sources, Value, Depth extends 0 | 1 | 2 = 2> = Sources extends readonly unknown[]
  ? never
  : Sources extends object
    ? {
        [Name in keyof Sources & string]:
          | (Sources[Name] extends Value ? Name : never)
          | (Depth extends 0 ? never : `${Name}.${Reference<Sources[Name], Value, Depth extends 2 ? 1 : 0>}`);
      }[keyof Sources & string]
    : never;

/** Each field of a part's input: from where, or a value that is always the same. */
export type PartInput<Sources, Input> = {
  readonly [Field in keyof Input]: Reference<Sources, Input[Field]> | { readonly value: Input[Field] };
};

/** Where a part takes its input from, who may see it, and what stands for it when it is missing. */
export interface PartOptions<Sources, Input, Output, Field extends keyof Output> {
  readonly input: PartInput<Sources, Input>;
  /** Fields of its output that the answer has. Default: all. */
  readonly fields?: readonly Field[];
  /** Who may use it here. For operations that are not exposed; of those that are, their own policy holds. */
  readonly access?: Access;
  /** Default: that of the operation; of optional parts at most four fifths of the whole time, so that there is an answer without them. */
  readonly timeoutMs?: number;
}

export interface OptionalPartOptions<Sources, Input, Output, Field extends keyof Output>
  extends PartOptions<Sources, Input, Output, Field> {
  /** Given, and marked, while the service does not answer. */
  readonly fallback?: Pick<Output, Field>;
}

/** The parts of an answer. Those that need nothing of each other are asked side by side. */
export interface Parts<Mandatory extends object, Optional extends object> {
  /** A part without which there is no answer: its refusal is that of the whole. It may need the input and mandatory parts before it. */
  mandatory<
    Name extends string,
    C extends Contract,
    OperationName extends keyof C['operations'] & string,
    Field extends keyof OutputsOf<OperationOf<C, OperationName>> & string = keyof OutputsOf<
      OperationOf<C, OperationName>
    > &
      string,
  >(
    name: Name,
    operation: readonly [contract: C, operation: OperationName],
    options: PartOptions<
      Mandatory,
      InputsOf<OperationOf<C, OperationName>>,
      OutputsOf<OperationOf<C, OperationName>>,
      Field
    >,
  ): Parts<
    Mandatory & { readonly [Key in Name]: Pick<OutputsOf<OperationOf<C, OperationName>>, Field> },
    Optional
  >;
  /** A part that an answer can do without: then it is null, or its fallback, and `missing` says why. It may need any part before it. */
  optional<
    Name extends string,
    C extends Contract,
    OperationName extends keyof C['operations'] & string,
    Field extends keyof OutputsOf<OperationOf<C, OperationName>> & string = keyof OutputsOf<
      OperationOf<C, OperationName>
    > &
      string,
  >(
    name: Name,
    operation: readonly [contract: C, operation: OperationName],
    options: OptionalPartOptions<
      Mandatory & Optional,
      InputsOf<OperationOf<C, OperationName>>,
      OutputsOf<OperationOf<C, OperationName>>,
      Field
    >,
  ): Parts<
    Mandatory,
    Optional & { readonly [Key in Name]: Pick<OutputsOf<OperationOf<C, OperationName>>, Field> }
  >;
}

/** What a joined operation answers. */
export type Joined<Mandatory, Optional> = {
  readonly [Name in Exclude<keyof Mandatory, 'input'>]: Mandatory[Name];
} & { readonly [Name in keyof Optional]: Optional[Name] | null } & {
  /** Empty if all is there. */
  readonly missing: readonly MissingPart[];
};

/** Input and parts of a joined answer. */
export interface ComposeOptions<Input extends Schema, Mandatory extends object, Optional extends object> {
  readonly input: Input;
  // biome-ignore lint/complexity/noBannedTypes: `{}` is no optional part yet.
  readonly parts: (none: Parts<{ readonly input: OutputOf<Input> }, {}>) => Parts<Mandatory, Optional>;
  /** Within which there is an answer. Default 10,000. */
  readonly timeoutMs?: number;
  readonly summary?: string;
  readonly description?: string;
}

/**
 * Declares an operation that the gateway answers by asking several others, for the `operations` of a contract that no service keeps:
 * one request of a client instead of one for each part. Expose it as any other.
 * @throws TypeError, with the fix in the text
 */
export function compose<Input extends Schema, Mandatory extends object, Optional extends object>(
  route: `GET /${string}`,
  options: ComposeOptions<Input, Mandatory, Optional>,
): JoinedOperation<Operation<Input, StandardSchema<Joined<Mandatory, Optional>>, DeclaredErrors>> {
  const { input, timeoutMs = 10_000, summary, description } = options;
  const collected = new PartList(route);
  options.parts(collected as never);
  const { parts } = collected;
  if (parts.length === 0) throw new TypeError(`compose('${route}'): name at least one part.`);
  const errors = Object.assign(
    {},
    ...parts.filter(({ isMandatory }) => isMandatory).map((part) => part.operation.errors),
  ) as DeclaredErrors;
  const declared = operation(route, {
    input,
    output: joinedSchema<Joined<Mandatory, Optional>>(parts),
    errors,
    timeoutMs,
    ...(summary === undefined ? undefined : { summary }),
    ...(description === undefined ? undefined : { description }),
  });
  return {
    ...declared,
    join: {
      parts: Object.fromEntries(
        parts.map(({ name, contract, operation: asked, access, isMandatory }) => [
          name,
          { contract, operation: asked.name, access, isMandatory },
        ]),
      ),
      answer: (value, asking) => runParts(parts, value, { asking, timeoutMs }),
    },
  };
}

interface LooseOptions {
  readonly input: Readonly<Record<string, string | { readonly value: unknown }>>;
  readonly fields?: readonly string[];
  readonly access?: Access;
  readonly timeoutMs?: number;
  readonly fallback?: unknown;
}
type Named = readonly [contract: Contract, operation: string];

class PartList {
  readonly parts: Part[] = [];
  readonly #route: string;

  constructor(route: string) {
    this.#route = route;
  }

  mandatory(name: string, named: Named, options: LooseOptions): this {
    return this.#add(name, named, { ...options, isMandatory: true });
  }

  optional(name: string, named: Named, options: LooseOptions): this {
    return this.#add(name, named, { ...options, isMandatory: false });
  }

  #add(
    name: string,
    [contract, operationName]: Named,
    { isMandatory, ...options }: LooseOptions & { readonly isMandatory: boolean },
  ): this {
    const fail = (problem: string) => new TypeError(`compose('${this.#route}'): part '${name}' ${problem}`);
    if (['input', 'missing', '__proto__'].includes(name)) throw fail('needs another name.');
    if (this.parts.some((part) => part.name === name)) throw fail('is there twice.');
    const asked = Object.hasOwn(contract.operations, operationName)
      ? contract.operations[operationName]
      : undefined;
    if (asked === undefined) throw fail(`names '${operationName}', which '${contract.name}' does not have.`);
    if (asked.method !== 'GET' || asked.upload !== undefined || isBinary(asked.output))
      throw fail('must be a GET operation that answers JSON: an answer is put together by reading alone.');
    const own = Object.keys(options.input).find((field) => isOfTheGateway(asked, field));
    if (own !== undefined)
      throw fail(`cannot give '${own}': the gateway alone says which client or session it is.`);
    const needs = [
      ...new Set(
        Object.values(options.input).flatMap((from) =>
          typeof from === 'string' ? [from.split('.', 1)[0] ?? ''] : [],
        ),
      ),
    ].filter((source) => source !== 'input');
    for (const need of needs) {
      const before = this.parts.find((part) => part.name === need);
      if (before === undefined) throw fail(`needs '${need}'; name that part before it.`);
      if (isMandatory && !before.isMandatory)
        throw fail(`needs '${need}', which is optional; make it mandatory.`);
    }
    this.parts.push({ name, contract, operation: asked, isMandatory, needs, ...options });
    return this;
  }
}

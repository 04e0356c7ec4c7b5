/** What zod 4 shows of a schema to other libraries (`zod/v4/core`), as far as a plan needs it. */
export interface ZodInternals {
  readonly version: { readonly major: number; readonly minor: number };
  readonly def: ZodDef;
  readonly traits: ReadonlySet<string>;
  /** Whether an absent property is allowed: `optional`, or `defaulted` when something takes its place. */
  readonly optin?: 'optional' | 'defaulted' | undefined;
  readonly optout?: 'optional' | undefined;
  readonly values?: ReadonlySet<unknown> | undefined;
  readonly propValues?: Readonly<Record<string, ReadonlySet<unknown>>> | undefined;
  run(payload: Payload, context: { readonly async: false }): Payload | Promise<Payload>;
}

export interface Payload {
  readonly value: unknown;
  readonly issues: readonly unknown[];
}

export interface ZodDef {
  readonly type: string;
  readonly check?: string;
  readonly format?: string;
  readonly coerce?: boolean;
  readonly checks?: readonly { readonly _zod: { readonly def: ZodCheck } }[];
  readonly pattern?: unknown;
  readonly fn?: unknown;
  readonly shape?: Readonly<Record<string, ZodSchema>>;
  readonly catchall?: ZodSchema;
  readonly element?: ZodSchema;
  readonly items?: readonly ZodSchema[];
  readonly rest?: ZodSchema | null;
  readonly keyType?: ZodSchema;
  readonly valueType?: ZodSchema;
  readonly innerType?: ZodSchema;
  readonly options?: readonly ZodSchema[];
  readonly inclusive?: boolean;
  readonly discriminator?: string;
  readonly unionFallback?: boolean;
  readonly mode?: string;
  readonly partial?: boolean;
  readonly defaultValue?: unknown;
}

export interface ZodCheck {
  readonly check: string;
  readonly when?: unknown;
  readonly format?: string;
  readonly pattern?: unknown;
  readonly fn?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly length?: unknown;
  readonly value?: unknown;
  readonly inclusive?: boolean;
}

export interface ZodSchema {
  readonly _zod: ZodInternals;
}

export type Primitive = string | number | boolean | null;

/**
 * What a schema does to a value, in the few words that `compilePlan` can turn into code. A plan is an equal of its
 * schema: it accepts the same values and builds the same results. What has no equal here has no plan, or is an `island`.
 */
export type Plan =
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'string';
      /** In Unicode code points. */
      readonly minLength?: number;
      readonly maxLength?: number;
      readonly patterns: readonly RegExp[];
    }
  | { readonly kind: 'number'; readonly integer: 'safe' | 'any' | false; readonly bounds: readonly Bound[] }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'constants'; readonly values: readonly Primitive[] }
  | ObjectPlan
  | {
      readonly kind: 'array';
      readonly element: Plan;
      readonly minLength?: number;
      readonly maxLength?: number;
      /** Leaves arrays with `undefined` in them to the library, which may treat holes in its own way. */
      readonly dense: boolean;
    }
  | { readonly kind: 'tuple'; readonly items: readonly Plan[]; readonly dense: boolean }
  | RecordPlan
  | { readonly kind: 'optional'; readonly inner: Plan }
  | { readonly kind: 'nullable'; readonly inner: Plan }
  | { readonly kind: 'default'; readonly inner: Plan; readonly read: () => unknown }
  /** The first option that accepts decides. */
  | { readonly kind: 'union'; readonly options: readonly Plan[] }
  /** The option that claims the value of the property `key` decides. */
  | { readonly kind: 'choice'; readonly key: string; readonly options: readonly ChoiceOption[] }
  /** A part that only the library can judge: its value, or {@link mismatch}. */
  | { readonly kind: 'island'; readonly run: (value: unknown) => unknown };

export interface Bound {
  readonly operator: '<' | '<=' | '>' | '>=';
  readonly value: number;
}

export interface ChoiceOption {
  readonly values: readonly Primitive[];
  readonly plan: Plan;
}

export interface ObjectPlan {
  readonly kind: 'object';
  readonly fields: readonly FieldPlan[];
  /** What becomes of properties that no field names. */
  readonly rest: 'strip' | 'refuse' | 'keep';
  /** The library sees own properties of plain objects only; objects with another prototype are left to it. */
  readonly plain: boolean;
}

export interface RecordPlan {
  readonly kind: 'record';
  readonly value: Plan;
  /** Leaves records with other names to the library. */
  readonly names: RegExp | undefined;
  /** The library also sees properties that are not enumerable. */
  readonly plain: boolean;
}

export interface FieldPlan {
  readonly name: string;
  readonly plan: Plan;
  /**
   * `required`: an absent property is a mismatch · `skippable`: absent stays absent · `valued`: kept if present or not
   * undefined · `always`: kept whatever it is · `strict`: absent stays absent, present but undefined is left to the library.
   */
  readonly presence: 'required' | 'skippable' | 'valued' | 'always' | 'strict';
}

/** What a compiled plan answers when it cannot vouch for a value. */
export const mismatch: unique symbol = Symbol('mismatch');

/** True if `undefined` may pass, so that presence has to be tested apart. */
export function mayTakeUndefined(plan: Plan): boolean {
  switch (plan.kind) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'constants':
    case 'object':
    case 'array':
    case 'tuple':
    case 'record':
    case 'choice':
      return false;
    case 'unknown':
    case 'optional':
    case 'default':
    case 'island':
      return true;
    case 'nullable':
      return mayTakeUndefined(plan.inner);
    case 'union':
      return plan.options.some(mayTakeUndefined);
  }
}

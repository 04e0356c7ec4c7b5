import { type ChoiceOption, type FieldPlan, mismatch, type Plan, type Primitive } from './schema-plan.ts';
import type { ZodDef, ZodInternals, ZodSchema } from './zod-internals.ts';
import { lengthsOf, planOfNumber, planOfString, planOfValues, primitivesOf } from './zod-leaf-plan.ts';

// What a check means has changed between minor versions (string lengths count code points since 4.6), so a plan is drawn
// only for those that the equivalence tests ran against; any other works through the library.
const testedMinors: ReadonlySet<number> = new Set([6]);

/** The plan of a zod 4 schema; undefined if the schema as a whole is left to zod. */
export function planOfZod(schema: unknown): Plan | undefined {
  if (!isZod(schema)) return undefined;
  const { major, minor } = schema._zod.version;
  if (major !== 4 || !testedMinors.has(minor)) return undefined;
  const planner = new ZodPlanner();
  const plan = planner.plan(schema);
  return planner.recursive ? undefined : plan;
}

function isZod(schema: unknown): schema is ZodSchema {
  const internals = (schema as Partial<ZodSchema> | undefined)?._zod;
  return internals?.version !== undefined && typeof internals.run === 'function';
}

class ZodPlanner {
  /** True if a schema contains itself: zod then also closes circles in the value, which code for a tree cannot. */
  recursive = false;
  readonly #open = new Set<ZodSchema>();

  plan(schema: ZodSchema): Plan | undefined {
    if (this.#open.has(schema)) {
      this.recursive = true;
      return undefined;
    }
    this.#open.add(schema);
    const plan = this.#planOf(schema._zod);
    this.#open.delete(schema);
    return plan;
  }

  #part(schema: ZodSchema): Plan {
    return this.plan(schema) ?? { kind: 'island', run: runnerOf(schema) };
  }

  #planOf(zod: ZodInternals): Plan | undefined {
    const { def } = zod;
    if (def.coerce === true) return undefined;
    if (def.type === 'string') return planOfString(def);
    if (def.type === 'number') return planOfNumber(def);
    if (def.type === 'array') return this.#array(def);
    // Checks beyond those above may look at anything.
    if (def.checks !== undefined && def.checks.length > 0) return undefined;
    switch (def.type) {
      case 'unknown':
      case 'any':
        return { kind: 'unknown' };
      case 'boolean':
        return { kind: 'boolean' };
      case 'null':
        return { kind: 'constants', values: [null] };
      case 'literal':
      case 'enum':
        return planOfValues(zod.values);
      case 'object':
        return this.#object(def);
      case 'tuple':
        return this.#tuple(def);
      case 'record':
        return this.#record(def);
      case 'optional':
      case 'nullable':
      case 'default':
        return this.#wrapper(zod);
      case 'union':
        return this.#union(def);
      default:
        return undefined;
    }
  }

  #array(def: ZodDef): Plan | undefined {
    const lengths = lengthsOf(def.checks ?? []);
    if (def.element === undefined || lengths === undefined || lengths.others.length > 0) return undefined;
    const { min, max } = lengths;
    return {
      kind: 'array',
      element: this.#part(def.element),
      dense: false,
      ...(min === undefined ? undefined : { minLength: min }),
      ...(max === undefined ? undefined : { maxLength: max }),
    };
  }

  #object(def: ZodDef): Plan | undefined {
    const shape = def.shape ?? {};
    if (Object.hasOwn(shape, '__proto__') || Object.getOwnPropertySymbols(shape).length > 0) return undefined;
    const rest = restOf(def.catchall);
    if (rest === undefined) return undefined;
    const fields = Object.entries(shape).map(([name, field]): FieldPlan => {
      return { name, plan: this.#part(field), presence: presenceOf(field._zod) };
    });
    return { kind: 'object', fields, rest, plain: false };
  }

  #tuple(def: ZodDef): Plan | undefined {
    const items = def.items ?? [];
    const fixed = items.every(({ _zod }) => _zod.optin === undefined && _zod.optout === undefined);
    if (!fixed || (def.rest !== null && def.rest !== undefined)) return undefined;
    return { kind: 'tuple', items: items.map((item) => this.#part(item)), dense: false };
  }

  #record(def: ZodDef): Plan | undefined {
    const key = def.keyType?._zod.def;
    const anyName =
      key?.type === 'string' &&
      key.check === undefined &&
      key.coerce !== true &&
      (key.checks ?? []).length === 0;
    if (!anyName || def.valueType === undefined || def.mode === 'loose' || def.partial === true)
      return undefined;
    return { kind: 'record', value: this.#part(def.valueType), names: undefined, plain: false };
  }

  #wrapper({ def, traits }: ZodInternals): Plan | undefined {
    if (def.innerType === undefined || traits.has('$ZodExactOptional')) return undefined;
    const inner = this.#part(def.innerType);
    if (def.type === 'nullable') return { kind: 'nullable', inner };
    // The getter calls or clones, so that no two values share a default.
    if (def.type === 'default') return { kind: 'default', inner, read: () => def.defaultValue };
    return def.innerType._zod.optin === 'defaulted' ? undefined : { kind: 'optional', inner };
  }

  #union(def: ZodDef): Plan | undefined {
    const options = def.options ?? [];
    if (def.discriminator !== undefined) return this.#choice(def, def.discriminator);
    // `inclusive: false` means exactly one option, which takes trying them all.
    if (def.inclusive === false || options.length === 0) return undefined;
    return { kind: 'union', options: options.map((option) => this.#part(option)) };
  }

  #choice(def: ZodDef, key: string): Plan | undefined {
    if (def.unionFallback === true) return undefined;
    const taken = new Set<Primitive>();
    const options: ChoiceOption[] = [];
    for (const option of def.options ?? []) {
      const values = primitivesOf(option._zod.propValues?.[key]);
      if (values === undefined || values.some((value) => taken.has(value))) return undefined;
      for (const value of values) taken.add(value);
      options.push({ values, plan: this.#part(option) });
    }
    return { kind: 'choice', key, options };
  }
}

function presenceOf({ optin, optout }: ZodInternals): FieldPlan['presence'] {
  if (optin === undefined) return 'required';
  if (optout === 'optional') return optin === 'optional' ? 'skippable' : 'valued';
  return optin === 'defaulted' ? 'always' : 'valued';
}

function restOf(catchall: ZodSchema | undefined): 'strip' | 'refuse' | 'keep' | undefined {
  if (catchall === undefined) return 'strip';
  const { type, checks = [] } = catchall._zod.def;
  if (checks.length > 0) return undefined;
  if (type === 'never') return 'refuse';
  return type === 'unknown' || type === 'any' ? 'keep' : undefined;
}

function runnerOf(schema: ZodSchema): (value: unknown) => unknown {
  return (value) => {
    const result = schema._zod.run({ value, issues: [] }, { async: false });
    return result instanceof Promise || result.issues.length > 0 ? mismatch : result.value;
  };
}

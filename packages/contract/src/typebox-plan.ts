import { compilePlan } from './compile-plan.ts';
import { isJsonSchema, type JsonSchema } from './json-schema.ts';
import type { Bound, FieldPlan, Plan, Primitive } from './schema-plan.ts';
import { copyOf } from './typebox.ts';
import { ownOf } from './typebox-json-schema.ts';

export interface TypeBoxPlan {
  readonly plan: Plan;
  /** True if the plan leaves tests out (formats, refinements …), so that the type's own check has to agree first. */
  readonly needsCheck: boolean;
}

const annotations: ReadonlySet<string> = new Set([
  '$id',
  '$schema',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
]);

/** The plan of a TypeBox type; undefined if the type is left to TypeBox. */
export function planOfTypeBox(type: unknown): TypeBoxPlan | undefined {
  const planner = new TypeBoxPlanner();
  const plan = planner.plan(type);
  if (plan === undefined || (isJsonSchema(type) && 'default' in type)) return undefined;
  // The type's own check would see the value before its defaults are filled in.
  if (planner.needsCheck && planner.hasDefaults) return undefined;
  return { plan, needsCheck: planner.needsCheck };
}

class TypeBoxPlanner {
  needsCheck = false;
  hasDefaults = false;
  #unions = 0;

  plan(type: unknown): Plan | undefined {
    if (!isJsonSchema(type) || ownOf(type, '~codec') !== undefined) return undefined;
    if (ownOf(type, '~refine') !== undefined) this.needsCheck = true;
    switch (ownOf(type, '~kind')) {
      case 'Any':
      case 'Unknown':
        // Inside a union TypeBox makes copies of its own, without some names.
        return this.#unions > 0 ? undefined : this.#only(type, [], { kind: 'island', run: copyOf });
      case 'Boolean':
        return this.#only(type, ['type'], { kind: 'boolean' });
      case 'Null':
        return this.#only(type, ['type'], { kind: 'constants', values: [null] });
      case 'Literal':
        return this.#constants(type, [type.const]);
      case 'Enum':
        return this.#constants(type, type.enum);
      case 'String':
        return this.#string(type);
      case 'Number':
      case 'Integer':
        return this.#number(type);
      case 'Object':
        return this.#object(type);
      case 'Array':
        return this.#array(type);
      case 'Tuple':
        return this.#tuple(type);
      case 'Record':
        return this.#record(type);
      case 'Union':
        return this.#union(type);
      default:
        return undefined;
    }
  }

  /** `plan` if the type has no keywords beyond `keywords`, which might mean anything. */
  #only(type: JsonSchema, keywords: readonly string[], plan: Plan): Plan | undefined {
    const known = Object.keys(type).every((name) => annotations.has(name) || keywords.includes(name));
    return known ? plan : undefined;
  }

  #constants(type: JsonSchema, values: unknown): Plan | undefined {
    if (!Array.isArray(values) || values.length === 0 || !values.every(isPrimitive)) return undefined;
    return this.#only(type, ['type', 'const', 'enum'], { kind: 'constants', values });
  }

  #string(type: JsonSchema): Plan | undefined {
    const { minLength, maxLength, pattern, format } = type;
    if (!isLength(minLength) || !isLength(maxLength)) return undefined;
    if (format !== undefined || (pattern !== undefined && typeof pattern !== 'string'))
      this.needsCheck = true;
    return this.#only(type, ['type', 'minLength', 'maxLength', 'pattern', 'format'], {
      kind: 'string',
      patterns: typeof pattern === 'string' ? [new RegExp(pattern, 'u')] : [],
      ...(minLength === undefined ? undefined : { minLength }),
      ...(maxLength === undefined ? undefined : { maxLength }),
    });
  }

  #number(type: JsonSchema): Plan | undefined {
    const bounds: Bound[] = [];
    for (const [name, operator] of boundKeywords) {
      const value = type[name];
      if (value === undefined) continue;
      if (typeof value !== 'number' || Number.isNaN(value)) return undefined;
      bounds.push({ operator, value });
    }
    if ('multipleOf' in type) this.needsCheck = true;
    const keywords = ['type', 'multipleOf', ...boundKeywords.map(([name]) => name)];
    return this.#only(type, keywords, {
      kind: 'number',
      integer: type.type === 'integer' ? 'any' : false,
      bounds,
    });
  }

  #object(type: JsonSchema): Plan | undefined {
    const { properties, additionalProperties } = type;
    if (!isJsonSchema(properties)) return undefined;
    if (additionalProperties !== undefined && additionalProperties !== false) return undefined;
    const required = Array.isArray(type.required) ? type.required : [];
    const fields: FieldPlan[] = [];
    for (const [name, property] of Object.entries(properties)) {
      const field =
        name in Object.prototype || name === 'prototype'
          ? undefined
          : this.#field(name, property, required.includes(name));
      if (field === undefined) return undefined;
      fields.push(field);
    }
    const rest = additionalProperties === undefined ? 'strip' : 'refuse';
    return this.#only(type, ['type', 'properties', 'required', 'additionalProperties'], {
      kind: 'object',
      fields,
      rest,
      plain: true,
    });
  }

  #field(name: string, property: unknown, required: boolean): FieldPlan | undefined {
    const plan = this.plan(property);
    if (plan === undefined || !isJsonSchema(property)) return undefined;
    if (!('default' in property)) return { name, plan, presence: required ? 'required' : 'strict' };
    const value = property.default;
    // TypeBox checks defaults too, so one that its own type refuses must not slip through.
    if (!isPrimitive(value) || compilePlan(plan)?.(value) !== value) return undefined;
    this.hasDefaults = true;
    return { name, plan: { kind: 'default', inner: plan, read: () => value }, presence: 'always' };
  }

  /** A part whose `default` would apply to `undefined` where JSON has none. */
  #part(type: unknown): Plan | undefined {
    return isJsonSchema(type) && 'default' in type ? undefined : this.plan(type);
  }

  #array(type: JsonSchema): Plan | undefined {
    const element = this.#part(type.items);
    const { minItems, maxItems } = type;
    if (element === undefined || !isLength(minItems) || !isLength(maxItems)) return undefined;
    return this.#only(type, ['type', 'items', 'minItems', 'maxItems'], {
      kind: 'array',
      element,
      dense: true,
      ...(minItems === undefined ? undefined : { minLength: minItems }),
      ...(maxItems === undefined ? undefined : { maxLength: maxItems }),
    });
  }

  #tuple(type: JsonSchema): Plan | undefined {
    if (!Array.isArray(type.items) || type.additionalItems !== false) return undefined;
    if (type.minItems !== type.items.length) return undefined;
    const items = type.items.map((item) => this.#part(item)).filter((item) => item !== undefined);
    if (items.length !== type.items.length) return undefined;
    return this.#only(type, ['type', 'items', 'additionalItems', 'minItems'], {
      kind: 'tuple',
      items,
      dense: true,
    });
  }

  #record(type: JsonSchema): Plan | undefined {
    const patterns = Object.entries(type.patternProperties ?? {});
    const [first] = patterns;
    const value = this.#part(first?.[1]);
    if (first === undefined || patterns.length !== 1 || value === undefined) return undefined;
    const names = new RegExp(first[0], 'u');
    return this.#only(type, ['type', 'patternProperties'], { kind: 'record', value, names, plain: true });
  }

  /**
   * TypeBox cleans a union by the first option that accepts the *cleaned* value, which need not be the one that accepted
   * the value. A plan is drawn only where no value can fit two options that clean differently.
   */
  #union(type: JsonSchema): Plan | undefined {
    if (!Array.isArray(type.anyOf) || type.anyOf.length === 0) return undefined;
    this.#unions++;
    const options = type.anyOf.map((option) => this.#part(option)).filter((option) => option !== undefined);
    this.#unions--;
    if (options.length !== type.anyOf.length) return undefined;
    const objects = options.filter((option) => option.kind === 'object');
    const lists = options.filter((option) => option.kind === 'array' || option.kind === 'tuple');
    const anything = options.some((option) => !unionKinds.has(option.kind));
    if (anything || lists.length > 1 || (objects.length > 1 && !isDiscriminated(objects))) return undefined;
    return this.#only(type, ['anyOf'], { kind: 'union', options });
  }
}

const boundKeywords = [
  ['minimum', '>='],
  ['maximum', '<='],
  ['exclusiveMinimum', '>'],
  ['exclusiveMaximum', '<'],
] as const;

const unionKinds: ReadonlySet<Plan['kind']> = new Set([
  'string',
  'number',
  'boolean',
  'constants',
  'object',
  'array',
  'tuple',
]);

/** True if one required property has other constants in each object. */
function isDiscriminated(objects: readonly (Plan & { kind: 'object' })[]): boolean {
  const [first] = objects;
  return (first?.fields ?? []).some(({ name }) => {
    const taken = new Set<Primitive>();
    let count = 0;
    for (const object of objects) {
      const field = object.fields.find((candidate) => candidate.name === name);
      if (field?.presence !== 'required' || field.plan.kind !== 'constants') return false;
      for (const value of field.plan.values) taken.add(value);
      count += field.plan.values.length;
    }
    return taken.size === count;
  });
}

function isLength(value: unknown): value is number | undefined {
  return value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0);
}

function isPrimitive(value: unknown): value is Primitive {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}

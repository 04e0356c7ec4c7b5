import type { Bound, Plan, Primitive } from './schema-plan.ts';
import type { ZodCheck, ZodDef } from './zod-internals.ts';

// The formats whose pattern is the whole check. Others (url, ipv6, base64, jwt …) look closer.
const patternFormats: ReadonlySet<string> = new Set(
  'cuid cuid2 date datetime duration e164 email emoji ends_with guid ipv4 cidrv4 ksuid lowercase nanoid regex starts_with time ulid uppercase uuid xid'.split(
    ' ',
  ),
);

/** The plan of a string schema, or of a string format such as `z.uuid()`. */
export function planOfString(def: ZodDef): Plan | undefined {
  const lengths = lengthsOf(def.checks ?? []);
  if (lengths === undefined) return undefined;
  const patterns: RegExp[] = [];
  // `z.uuid()` and its like are schema and check in one.
  const formats = def.check === undefined ? lengths.others : [def as ZodCheck, ...lengths.others];
  for (const format of formats) {
    const { pattern } = format;
    const whole = format.check === 'string_format' && patternFormats.has(format.format ?? '');
    if (!whole || format.fn !== undefined || format.when !== undefined || !(pattern instanceof RegExp))
      return undefined;
    patterns.push(pattern);
  }
  return {
    kind: 'string',
    patterns,
    ...(lengths.min === undefined ? undefined : { minLength: lengths.min }),
    ...(lengths.max === undefined ? undefined : { maxLength: lengths.max }),
  };
}

export interface Lengths {
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly others: readonly ZodCheck[];
}

/** The bounds on a length that checks set, and the checks that set none; undefined if a bound is no length. */
export function lengthsOf(
  checks: readonly { readonly _zod: { readonly def: ZodCheck } }[],
): Lengths | undefined {
  let min: number | undefined;
  let max: number | undefined;
  const others: ZodCheck[] = [];
  for (const { _zod } of checks) {
    const { check, minimum, maximum, length } = _zod.def;
    const low = check === 'length_equals' ? length : minimum;
    const high = check === 'length_equals' ? length : maximum;
    if (check === 'min_length' || check === 'length_equals') {
      if (!isLength(low)) return undefined;
      min = Math.max(min ?? 0, low);
    }
    if (check === 'max_length' || check === 'length_equals') {
      if (!isLength(high)) return undefined;
      max = Math.min(max ?? high, high);
    }
    if (!['min_length', 'max_length', 'length_equals'].includes(check)) others.push(_zod.def);
  }
  return { min, max, others };
}

function isLength(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

const numberFormats: Readonly<
  Record<string, { readonly integer: 'safe' | 'any' | false; readonly bounds: readonly Bound[] }>
> = {
  safeint: { integer: 'safe', bounds: [] },
  int32: { integer: 'any', bounds: range(-(2 ** 31), 2 ** 31 - 1) },
  uint32: { integer: 'any', bounds: range(0, 2 ** 32 - 1) },
  float32: { integer: false, bounds: range(-3.4028234663852886e38, 3.4028234663852886e38) },
  float64: { integer: false, bounds: [] },
};

function range(low: number, high: number): readonly Bound[] {
  return [
    { operator: '>=', value: low },
    { operator: '<=', value: high },
  ];
}

/** The plan of a number schema, or of a number format such as `z.int()`. */
export function planOfNumber(def: ZodDef): Plan | undefined {
  let integer: 'safe' | 'any' | false = false;
  const bounds: Bound[] = [];
  const checks = (def.checks ?? []).map(({ _zod }) => _zod.def);
  for (const check of def.check === undefined ? checks : [def as ZodCheck, ...checks]) {
    if (check.when !== undefined) return undefined;
    const bound = boundOf(check);
    if (bound !== undefined) {
      bounds.push(bound);
      continue;
    }
    const format = check.check === 'number_format' ? numberFormats[check.format ?? ''] : undefined;
    if (format === undefined) return undefined;
    if (integer !== 'safe' && format.integer !== false) integer = format.integer;
    bounds.push(...format.bounds);
  }
  return { kind: 'number', integer, bounds };
}

function boundOf({ check, value, inclusive }: ZodCheck): Bound | undefined {
  if (typeof value !== 'number' || Number.isNaN(value)) return undefined;
  if (check === 'greater_than') return { operator: inclusive === true ? '>=' : '>', value };
  if (check === 'less_than') return { operator: inclusive === true ? '<=' : '<', value };
  return undefined;
}

/** The plan of a literal or an enumeration. */
export function planOfValues(values: ReadonlySet<unknown> | undefined): Plan | undefined {
  const primitives = primitivesOf(values);
  return primitives === undefined ? undefined : { kind: 'constants', values: primitives };
}

/** The values if all of them can stand in code. */
export function primitivesOf(values: ReadonlySet<unknown> | undefined): readonly Primitive[] | undefined {
  if (values === undefined || values.size === 0) return undefined;
  const primitives: Primitive[] = [];
  for (const value of values) {
    if (!isPrimitive(value)) return undefined;
    primitives.push(value);
  }
  return primitives;
}

function isPrimitive(value: unknown): value is Primitive {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}

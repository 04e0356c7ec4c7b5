import assert from 'node:assert/strict';
import test from 'node:test';
import { createValidator, type Schema, typebox } from '@banyan/contract';
import fc from 'fast-check';
import Type, { type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { z } from 'zod';
// Whether a schema is compiled or left to its library cannot be seen from outside, by design.
import { createFastPath } from '../src/fast-path.ts';
import { mismatch } from '../src/schema-plan.ts';

const words = ['a', 'b', 'c', 'kind', 'toString', 'constructor', '__proto__', 'key with "quotes"', '0'];
const safeWords = words.filter((word) => word !== '__proto__');

const hostile = fc.constantFrom<unknown>(
  undefined,
  null,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -0,
  2 ** 53,
  10n,
  Symbol('s'),
  () => 1,
  new Date(0),
  new Map([['a', 1]]),
  Object.create({ a: 'inherited' }),
  Object.assign(Object.create(null), { a: 'x' }),
  JSON.parse('{"__proto__": {"a": "x"}, "a": "x"}'),
  JSON.parse('{"constructor": "x", "toString": 1}'),
  Object.defineProperty({}, 'a', { value: 'hidden', enumerable: false }),
  Object.assign(['x'], { extra: 1 }),
  // biome-ignore lint/suspicious/noSparseArray: holes are the hostile part.
  ['x', , 'y'],
  'x'.repeat(10_000),
  '😀😀',
  '\ud83d',
  new Proxy({ a: 'x' }, {}),
);
const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    '',
    'x',
    'xy',
    'b',
    'k1',
    'k2',
    '5',
    0,
    1,
    5,
    -1,
    1.5,
    2 ** 31,
    true,
    false,
    null,
    undefined,
  ),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.integer(),
  fc.double(),
);
const anyValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    hostile,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...words), tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

/** A schema with values of which most match it. */
interface Sample<S> {
  readonly schema: S;
  readonly value: fc.Arbitrary<unknown>;
}

function mixed(values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 9, arbitrary: values }, { weight: 1, arbitrary: anyValue });
}

function objectOf(
  fields: Readonly<Record<string, { value: fc.Arbitrary<unknown>; mayMiss: boolean }>>,
  extra: boolean,
) {
  const model = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, mixed(field.value)]));
  const requiredKeys = Object.keys(fields).filter((name) => !fields[name]?.mayMiss);
  const known = fc.record(model, { requiredKeys, noNullPrototype: true });
  const more = fc.dictionary(fc.constantFrom(...words), anyValue, { maxKeys: 2, noNullPrototype: true });
  return extra ? fc.tuple(more, known).map(([a, b]) => ({ ...a, ...b })) : known;
}

const zodScalar: fc.Arbitrary<Sample<z.ZodType>> = fc.constantFrom<Sample<z.ZodType>>(
  { schema: z.string(), value: fc.string() },
  { schema: z.string().min(1).max(3), value: fc.string({ unit: 'grapheme', maxLength: 5 }) },
  { schema: z.string().length(2), value: fc.constantFrom('xy', '😀😀', 'x', '😀') },
  { schema: z.string().regex(/^x/g), value: fc.constantFrom('x', 'xy', 'y') },
  { schema: z.string().startsWith('x').toUpperCase(), value: fc.constantFrom('x', 'X') },
  { schema: z.uuid(), value: fc.uuid() },
  { schema: z.email().max(40), value: fc.constantFrom('a@b.example', 'a@b', 'x'.repeat(50)) },
  { schema: z.iso.datetime(), value: fc.constantFrom('2026-02-28T10:00:00Z', '2026-02-30T10:00:00Z') },
  { schema: z.url(), value: fc.constantFrom('https://a.example', ' https://a.example\n', 'nope') },
  { schema: z.string().trim().min(1), value: fc.constantFrom(' x ', '  ') },
  { schema: z.number(), value: fc.double() },
  { schema: z.number().min(0).lt(5), value: fc.constantFrom(0, -0, 4.9, 5, -1) },
  { schema: z.int().positive(), value: fc.constantFrom(1, 0, 1.5, 2 ** 53) },
  { schema: z.int32(), value: fc.constantFrom(0, 2 ** 31, -(2 ** 31)) },
  { schema: z.uint32(), value: fc.constantFrom(0, -1, 2 ** 32) },
  { schema: z.float32(), value: fc.constantFrom(1.5, 1e39) },
  { schema: z.number().multipleOf(0.01), value: fc.constantFrom(0.07, 0.075, 1) },
  { schema: z.boolean(), value: fc.boolean() },
  { schema: z.null(), value: fc.constant(null) },
  { schema: z.literal(['x', 1, null, true]), value: fc.constantFrom<unknown>('x', 1, null, true, '1') },
  { schema: z.literal(0), value: fc.constantFrom(0, -0, 1) },
  { schema: z.enum(['x', 'y', 'b', '1', '2', '3', '4', '5', '6']), value: fc.constantFrom('x', '6', 'q') },
  { schema: z.unknown(), value: anyValue },
  { schema: z.any(), value: anyValue },
  { schema: z.coerce.number(), value: fc.constantFrom<unknown>('5', 5, 'x') },
  { schema: z.string().transform((text) => text.length), value: fc.string() },
  {
    schema: z.preprocess((value) => value ?? 'none', z.string()),
    value: fc.constantFrom<unknown>(null, 'x'),
  },
  { schema: z.string().refine((text) => text !== 'x'), value: fc.constantFrom('x', 'y') },
  { schema: z.string().catch('caught'), value: fc.constantFrom<unknown>('x', 5) },
  { schema: z.string().exactOptional(), value: fc.constantFrom<unknown>('x', undefined) },
  { schema: z.string().prefault('p'), value: fc.constantFrom<unknown>('x', undefined) },
  { schema: z.date(), value: fc.constantFrom<unknown>(new Date(0), new Date(Number.NaN)) },
  { schema: z.undefined(), value: fc.constant(undefined) },
);

const zodSample = fc.letrec<{ sample: Sample<z.ZodType> }>((tie) => ({
  sample: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    zodScalar,
    fc
      .tuple(
        fc.dictionary(fc.constantFrom(...safeWords), tie('sample'), { maxKeys: 4 }),
        fc.constantFrom('strip', 'strict', 'loose', 'catchall'),
        fc.boolean(),
      )
      .map(([fields, rest, mayMiss]) => {
        const shape = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.schema]));
        const kinds = {
          strip: z.object(shape),
          strict: z.strictObject(shape),
          loose: z.looseObject(shape),
          catchall: z.object(shape).catchall(z.number()),
        };
        const values = Object.fromEntries(
          Object.entries(fields).map(([name, { value }]) => [name, { value, mayMiss }]),
        );
        return { schema: kinds[rest as keyof typeof kinds], value: objectOf(values, true) };
      }),
    fc.tuple(tie('sample'), fc.constantFrom(0, 1, 2)).map(([element, bounds]) => {
      const plain = z.array(element.schema);
      return {
        schema: [plain, plain.min(1).max(2), plain.length(2)][bounds] ?? plain,
        value: fc.array(mixed(element.value), { maxLength: 3 }),
      };
    }),
    fc.array(tie('sample'), { minLength: 1, maxLength: 3 }).map((items) => {
      const [first = z.string(), ...others] = items.map((item) => item.schema);
      return {
        schema: z.tuple([first, ...others]),
        value: fc.tuple(...items.map((item) => mixed(item.value))),
      };
    }),
    tie('sample').map((value) => ({
      schema: z.record(z.string(), value.schema),
      value: fc.dictionary(fc.constantFrom(...words), mixed(value.value), { noNullPrototype: true }),
    })),
    tie('sample').map(({ schema, value }) => ({
      schema: schema.optional(),
      value: fc.option(value, { nil: undefined }),
    })),
    tie('sample').map(({ schema, value }) => ({ schema: schema.nullable(), value: fc.option(value) })),
    tie('sample').map(({ schema, value }) => ({ schema: schema.nullish(), value: fc.option(value) })),
    tie('sample').map(({ schema, value }) => ({
      schema: schema.default('filled in'),
      value: fc.option(value, { nil: undefined }),
    })),
    tie('sample').map(({ schema, value }) => ({ schema: schema.readonly(), value })),
    fc.array(tie('sample'), { minLength: 1, maxLength: 3 }).map((options) => ({
      schema: z.union(options.map((option) => option.schema)),
      value: fc.oneof(...options.map((option) => option.value)),
    })),
    fc.tuple(tie('sample'), tie('sample')).map(([one, two]) => ({
      schema: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('k1'), a: one.schema }),
        z.strictObject({ kind: z.enum(['k2', 'k3']), b: two.schema }),
      ]),
      value: fc.oneof(
        objectOf(
          { kind: { value: fc.constant('k1'), mayMiss: false }, a: { value: one.value, mayMiss: false } },
          true,
        ),
        objectOf(
          {
            kind: { value: fc.constantFrom('k2', 'k3'), mayMiss: false },
            b: { value: two.value, mayMiss: false },
          },
          false,
        ),
      ),
    })),
  ),
})).sample;

const string = Type.String;
const typeboxScalar: fc.Arbitrary<Sample<TSchema>> = fc.constantFrom<Sample<TSchema>>(
  { schema: string(), value: fc.string() },
  { schema: string({ minLength: 1, maxLength: 3 }), value: fc.string({ unit: 'grapheme', maxLength: 5 }) },
  { schema: string({ minLength: 2, maxLength: 2 }), value: fc.constantFrom('xy', '😀😀', 'x', '😀') },
  { schema: string({ pattern: '^x' }), value: fc.constantFrom('x', 'xy', 'y') },
  { schema: string({ format: 'email' }), value: fc.constantFrom('a@b.example', 'x') },
  { schema: Type.Number(), value: fc.double() },
  { schema: Type.Number({ minimum: 0, exclusiveMaximum: 5 }), value: fc.constantFrom(0, -0, 4.9, 5, -1) },
  { schema: Type.Integer({ exclusiveMinimum: 0 }), value: fc.constantFrom(1, 0, 1.5, 2 ** 53) },
  { schema: Type.Number({ multipleOf: 0.01 }), value: fc.constantFrom(0.07, 0.075, 1) },
  { schema: Type.Boolean(), value: fc.boolean() },
  { schema: Type.Null(), value: fc.constant(null) },
  { schema: Type.Literal('x'), value: fc.constantFrom('x', 'y') },
  { schema: Type.Literal(0), value: fc.constantFrom(0, -0, 1) },
  { schema: Type.Enum(['x', 'y', 5]), value: fc.constantFrom<unknown>('x', 5, '5') },
  { schema: Type.Unknown(), value: anyValue },
  { schema: Type.Any(), value: anyValue },
  { schema: Type.Refine(string(), (text) => text !== 'x'), value: fc.constantFrom('x', 'y') },
  {
    schema: Type.Codec(string())
      .Decode((text) => text.length)
      .Encode(String),
    value: fc.string(),
  },
  { schema: string({ default: 'd' }), value: fc.constantFrom('x', 'y') },
  { schema: string({ default: 'too long', maxLength: 2 }), value: fc.constantFrom('x', 'y') },
  {
    schema: Type.Intersect([Type.Object({ a: string() }), Type.Object({ b: string() })]),
    value: fc.constantFrom({ a: 'x', b: 'y' }, { a: 'x' }),
  },
);

const typeboxSample = fc.letrec<{ sample: Sample<TSchema> }>((tie) => ({
  sample: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    typeboxScalar,
    fc
      .tuple(
        fc.dictionary(fc.constantFrom(...safeWords), fc.tuple(tie('sample'), fc.boolean()), { maxKeys: 4 }),
        fc.constantFrom(
          {},
          { additionalProperties: false },
          { additionalProperties: true },
          { additionalProperties: Type.Number() },
          { minProperties: 1 },
        ),
      )
      .map(([fields, options]) => {
        const shape = Object.fromEntries(
          Object.entries(fields).map(([name, [field, optional]]) => [
            name,
            optional ? Type.Optional(field.schema) : field.schema,
          ]),
        );
        const values = Object.fromEntries(
          Object.entries(fields).map(([name, [{ value }, mayMiss]]) => [name, { value, mayMiss }]),
        );
        return { schema: Type.Object(shape, options), value: objectOf(values, true) };
      }),
    fc
      .tuple(tie('sample'), fc.constantFrom({}, { minItems: 1, maxItems: 2 }, { uniqueItems: true }))
      .map(([element, options]) => ({
        schema: Type.Array(element.schema, options),
        value: fc.array(mixed(element.value), { maxLength: 3 }),
      })),
    fc.array(tie('sample'), { minLength: 1, maxLength: 3 }).map((items) => ({
      schema: Type.Tuple(items.map((item) => item.schema)),
      value: fc.tuple(...items.map((item) => mixed(item.value))),
    })),
    tie('sample').map((value) => ({
      schema: Type.Record(string(), value.schema),
      value: fc.dictionary(fc.constantFrom(...words, 'line\nbreak'), mixed(value.value), {
        noNullPrototype: true,
      }),
    })),
    fc.array(tie('sample'), { minLength: 1, maxLength: 3 }).map((options) => ({
      schema: Type.Union(options.map((option) => option.schema)),
      value: fc.oneof(...options.map((option) => option.value)),
    })),
    fc.tuple(tie('sample'), tie('sample')).map(([one, two]) => ({
      schema: Type.Union([
        Type.Object({ kind: Type.Literal('k1'), a: one.schema }),
        Type.Object({ kind: Type.Literal('k2'), b: two.schema }, { additionalProperties: false }),
      ]),
      value: fc.oneof(
        objectOf(
          { kind: { value: fc.constant('k1'), mayMiss: false }, a: { value: one.value, mayMiss: false } },
          true,
        ),
        objectOf(
          { kind: { value: fc.constant('k2'), mayMiss: false }, b: { value: two.value, mayMiss: false } },
          false,
        ),
      ),
    })),
  ),
})).sample;

const { BANYAN_SEED, BANYAN_RUNS = '400' } = process.env;
const seed = BANYAN_SEED === undefined ? undefined : Number(BANYAN_SEED);
const numRuns = Number(BANYAN_RUNS);

function verdictOf(schema: Schema, value: unknown): unknown {
  let result: unknown;
  try {
    result = schema['~standard'].validate(value);
  } catch {
    return 'throws';
  }
  if (result instanceof Promise) {
    result.catch(() => undefined);
    return 'internal';
  }
  return 'issues' in (result as object) ? 'invalid_argument' : (result as { value: unknown }).value;
}

function compare(schema: Schema, values: readonly unknown[]): number {
  const validator = createValidator(schema, 'input');
  const fast = createFastPath(schema) ?? (() => mismatch);
  let hits = 0;
  for (const value of values) {
    const expected = verdictOf(schema, value);
    let actual: unknown;
    try {
      actual = validator.parse(value);
    } catch (error) {
      actual = (error as { code?: string }).code ?? 'throws';
    }
    assert.deepStrictEqual(actual, expected);
    if (typeof expected !== 'string' && fast(value) !== mismatch) hits++;
  }
  return hits;
}

function checkSamples<S>(samples: fc.Arbitrary<Sample<S>>, toSchema: (schema: S) => Schema): number {
  let hits = 0;
  const cases = samples.chain(({ schema, value }) =>
    fc.tuple(fc.constant(schema), fc.array(mixed(value), { minLength: 4, maxLength: 8 })),
  );
  fc.assert(
    fc.property(cases, ([schema, values]) => {
      hits += compare(toSchema(schema), values);
    }),
    { numRuns, ...(seed === undefined ? undefined : { seed }) },
  );
  return hits;
}

// Most hits are lost to samples that are scalars, or not valid at all; the bound only says that code was tried in earnest.
test('zod: compiled code and the library agree on every verdict and value', () => {
  assert.ok(checkSamples(zodSample, (schema) => schema) > numRuns / 10);
});

test('TypeBox: compiled code and the library agree on every verdict and value', () => {
  assert.ok(checkSamples(typeboxSample, (schema) => typebox(Compile(schema))) > numRuns / 10);
});

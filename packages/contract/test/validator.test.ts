import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import {
  binary,
  createValidator,
  dataValidator,
  errorDataValidator,
  event,
  type InvalidDetails,
  inputValidator,
  operation,
  outputValidator,
  type Schema,
  toJsonSchema,
  typebox,
} from '@banyan/contract';
import { isServiceError, type ServiceError } from '@banyan/core';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { z } from 'zod';

const Item = z.object({ sku: z.string().min(1), quantity: z.int().min(1) });
const Order = z.object({ items: z.array(Item), note: z.string().default('none') });
const TypeBoxOrder = typebox(
  Compile(
    Type.Object({
      items: Type.Array(
        Type.Object({ sku: Type.String({ minLength: 1 }), quantity: Type.Integer({ minimum: 1 }) }),
      ),
      note: Type.Optional(Type.String({ default: 'none' })),
    }),
  ),
);

function refusalOf(schema: Schema, value: unknown): ServiceError {
  try {
    createValidator(schema, 'input').parse(value);
  } catch (error) {
    if (isServiceError(error)) return error;
    throw error;
  }
  return assert.fail('the value was accepted');
}

function issuesOf(error: ServiceError): InvalidDetails['issues'] {
  return (error.details as InvalidDetails).issues;
}

for (const [library, schema] of Object.entries({ zod: Order, TypeBox: TypeBoxOrder })) {
  test(`${library}: unknown fields are stripped, defaults filled in, and the value handed in stays as it was`, () => {
    const value = { items: [{ sku: 'mug', quantity: 1, more: true }], extra: { deep: 1 } };
    const before = structuredClone(value);
    const parsed: unknown = createValidator(schema, 'input').parse(value);
    assert.deepEqual(parsed, { items: [{ sku: 'mug', quantity: 1 }], note: 'none' });
    assert.deepEqual(value, before);
  });

  test(`${library}: issues point at the places that are wrong`, () => {
    const error = refusalOf(schema, {
      items: [
        { sku: 'mug', quantity: 1 },
        { sku: '', quantity: 0 },
      ],
    });
    assert.equal(error.code, 'invalid_argument');
    assert.equal(error.reason, 'invalid_input');
    assert.deepEqual(
      issuesOf(error).map((issue) => issue.path),
      ['/items/1/sku', '/items/1/quantity'],
    );
    assert.match(error.message, /^The input is not valid at \/items\/1\/sku: ./);
    assert.equal(issuesOf(refusalOf(schema, 'text'))[0]?.path, '');
  });

  test(`${library}: at most 20 issues, and no long echo of what was sent`, () => {
    const hostile = {
      items: Array.from({ length: 5_000 }, () => ({ sku: 5, quantity: 'x'.repeat(10_000) })),
    };
    const error = refusalOf(schema, hostile);
    assert.ok(issuesOf(error).length <= 20);
    assert.ok(JSON.stringify(error.details).length < 10_000);
    assert.ok(error.message.length < 500);
  });

  test(`${library}: a value nested a hundred thousand levels deep is refused, not a crash`, () => {
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`);
    assert.throws(() => createValidator(schema, 'input').parse({ items: [deep] }), {
      reason: 'invalid_input',
    });
    assert.throws(() => createValidator(schema, 'input').parse({ items: deep, extra: deep }), {
      reason: 'invalid_input',
    });
  });
}

test('long and odd names are escaped and cut in the pointer', () => {
  const names = z.record(z.string(), z.number());
  assert.equal(issuesOf(refusalOf(names, { 'a/b~c': 'x' }))[0]?.path, '/a~1b~0c');
  const strict = refusalOf(z.strictObject({}), { ['x'.repeat(1_000_000)]: 1 });
  assert.ok(JSON.stringify(strict.details).length < 1_000);
  const long = refusalOf(names, { ['y'.repeat(1_000_000)]: 'x' });
  assert.ok(JSON.stringify(long.details).length < 1_000);
});

test('a recursive schema refuses values that are nested too deeply', () => {
  const Tree = z.object({
    get children() {
      return z.array(Tree);
    },
  });
  const deep: unknown = JSON.parse(`${'{"children":['.repeat(50_000)}${']}'.repeat(50_000)}`);
  const [issue] = issuesOf(refusalOf(Tree, deep));
  assert.match(issue?.message ?? '', /nested deeper/);
  assert.deepEqual(createValidator(Tree, 'input').parse({ children: [{ children: [] }] }), {
    children: [{ children: [] }],
  });
});

test('a schema that validates asynchronously is an internal error with a clear text', async () => {
  const unobserved: unknown[] = [];
  const note = (reason: unknown) => unobserved.push(reason);
  process.on('unhandledRejection', note);
  const rejects: Schema = {
    '~standard': { version: 1, vendor: 'acme', validate: () => Promise.reject(new Error('late')) },
  };
  for (const slow of [rejects, z.string().refine(async () => false), z.string().refine(async () => true)]) {
    assert.throws(() => createValidator(slow, 'input').parse('x'), {
      code: 'internal',
      reason: 'asynchronous_schema',
      message: /asynchronously.*handler/,
    });
  }
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  assert.deepEqual(unobserved, []);
});

test('transforms, refinements and codecs of the library take effect', () => {
  const shout = z.object({
    word: z
      .string()
      .trim()
      .min(1)
      .transform((word) => word.toUpperCase()),
  });
  assert.deepEqual(createValidator(shout, 'input').parse({ word: ' a ' }), { word: 'A' });
  assert.throws(() => createValidator(shout, 'input').parse({ word: '  ' }), { reason: 'invalid_input' });
  const even = z
    .object({ number: z.number() })
    .refine(({ number }) => number % 2 === 0, { path: ['number'], error: 'odd' });
  assert.deepEqual(issuesOf(refusalOf(even, { number: 1 })), [{ path: '/number', message: 'odd' }]);
  const length = Type.Codec(Type.String())
    .Decode((text) => text.length)
    .Encode(String);
  const codec = typebox(Compile(Type.Object({ length })));
  assert.deepEqual(createValidator(codec, 'input').parse({ length: 'four' }), { length: 4 });
});

test('TypeBox: the type decides about unknown properties before any are stripped', () => {
  const strict = typebox(Compile(Type.Object({ a: Type.String() }, { additionalProperties: false })));
  assert.throws(() => createValidator(strict, 'input').parse({ a: 'x', b: 1 }), { reason: 'invalid_input' });
  const open = typebox(Compile(Type.Object({ a: Type.String() }, { additionalProperties: true })));
  assert.deepEqual(createValidator(open, 'input').parse({ a: 'x', b: 1 }), { a: 'x', b: 1 });
});

test('a library without any knowledge of ours is used as it is', () => {
  const schema: Schema = {
    '~standard': {
      version: 1,
      vendor: 'acme',
      validate: (value) =>
        value === 1 ? { value: 'one' } : { issues: [{ message: 'not one', path: [{ key: 'a' }, 0] }] },
    },
  };
  assert.equal(createValidator(schema, 'input').parse(1), 'one');
  assert.deepEqual(issuesOf(refusalOf(schema, 2)), [{ path: '/a/0', message: 'not one' }]);
});

test('__proto__ never becomes a prototype', () => {
  const hostile: unknown = JSON.parse('{"__proto__": {"admin": true}, "a": {"__proto__": {"admin": true}}}');
  const schemas = [
    z.looseObject({ a: z.looseObject({}) }),
    z.object({ a: z.record(z.string(), z.unknown()) }),
    typebox(
      Compile(Type.Object({ a: Type.Record(Type.String(), Type.Unknown()) }, { additionalProperties: true })),
    ),
    typebox(Compile(Type.Object({ a: Type.Unknown() }))),
  ];
  for (const schema of schemas) {
    const parsed = createValidator<{ admin?: boolean; a: { admin?: boolean } }>(schema, 'input').parse(
      hostile,
    );
    assert.equal(parsed.admin, undefined);
    assert.equal(parsed.a.admin, undefined);
    assert.equal(Object.getPrototypeOf(parsed), Object.prototype);
  }
});

test('where code generation is forbidden, validation works all the same', () => {
  const program = `
    import { createValidator } from '@banyan/contract';
    import { z } from 'zod';
    const validator = createValidator(z.object({ a: z.string(), b: z.int().default(1) }), 'input');
    console.log(JSON.stringify(validator.parse({ a: 'x', c: 1 })));
    try { validator.parse({ a: 5 }); } catch (error) { console.log(error.reason); }`;
  const flags = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', program];
  const output = execFileSync(process.execPath, flags, { cwd: import.meta.dirname, encoding: 'utf8' });
  assert.deepEqual(output.trim().split('\n'), ['{"a":"x","b":1}', 'invalid_input']);
});

test('validators of a contract are made once and know their side', () => {
  const place = operation('POST /orders', {
    input: Order,
    output: z.object({ orderId: z.string() }),
    errors: { soldOut: { status: 409, data: z.object({ left: z.int() }) }, closed: { status: 409 } },
  });
  assert.equal(inputValidator(place), inputValidator(place));
  assert.deepEqual(inputValidator(place).parse({ items: [] }), { items: [], note: 'none' });
  assert.deepEqual(outputValidator(place).parse({ orderId: 'o', secret: 1 } as object), { orderId: 'o' });
  assert.throws(() => outputValidator(place).parse({}), {
    reason: 'invalid_input',
    message: /^The output is not valid/,
  });
  assert.deepEqual(errorDataValidator(place, 'soldOut')?.parse({ left: 0 }), { left: 0 });
  assert.equal(errorDataValidator(place, 'closed'), undefined);
  for (const name of ['other', 'toString', '__proto__']) {
    assert.throws(() => errorDataValidator(place, name), TypeError);
  }
  const placed = event('OrderPlaced', { data: z.object({ orderId: z.string() }), key: 'orderId' });
  assert.deepEqual(dataValidator(placed).parse({ orderId: 'o', more: 1 }), { orderId: 'o' });
  const image = operation('GET /x', { input: z.object({}), output: binary({ types: ['image/png'] }) });
  assert.throws(() => outputValidator(image), TypeError);
});

test('the JSON Schema differs by direction where the schema does, and is made once', () => {
  assert.deepEqual(toJsonSchema(Order, 'input').required, ['items']);
  assert.deepEqual(toJsonSchema(Order, 'output').required, ['items', 'note']);
  assert.equal(toJsonSchema(Order, 'input'), toJsonSchema(Order, 'input'));
  const pair = typebox(Compile(Type.Object({ at: Type.Tuple([Type.Number(), Type.Number()]) })));
  assert.deepEqual(toJsonSchema(pair, 'output').properties, {
    at: { type: 'array', prefixItems: [{ type: 'number' }, { type: 'number' }], items: false, minItems: 2 },
  });
});

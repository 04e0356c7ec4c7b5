import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAllConfig, readConfig, variableNameOf } from '@banyan/config';
import type { Schema } from '@banyan/contract';
import { isServiceError } from '@banyan/core';
import fc from 'fast-check';
import { z } from 'zod';

function read(schema: Schema, source: Readonly<Record<string, string | undefined>>) {
  return readConfig({ service: 'orders', schema, source });
}

/** The configuration of one property `value`, given as ORDERS_VALUE. */
function readValue(schema: z.ZodType, text: string | undefined) {
  const { value, problems } = read(z.object({ value: schema }), { ORDERS_VALUE: text });
  return problems.length > 0
    ? { message: problems.map((problem) => problem.message).join('\n') }
    : { value: value?.['value'] };
}

const names: readonly (readonly [string, string, string])[] = [
  ['orders', 'maxQuantity', 'ORDERS_MAX_QUANTITY'],
  ['photo-print', 'size', 'PHOTO_PRINT_SIZE'],
  ['photoPrint', 'apiURLPath', 'PHOTO_PRINT_API_URL_PATH'],
  ['orders', 's3Bucket', 'ORDERS_S3_BUCKET'],
  ['orders', 'http2', 'ORDERS_HTTP2'],
  ['orders', 'retry3Times', 'ORDERS_RETRY3_TIMES'],
  ['orders', 'kebab-name', 'ORDERS_KEBAB_NAME'],
  ['orders', 'snake_name', 'ORDERS_SNAKE_NAME'],
  ['orders', 'ALREADY_CONSTANT', 'ORDERS_ALREADY_CONSTANT'],
  ['orders', 'x', 'ORDERS_X'],
];
for (const [service, property, variable] of names) {
  test(`'${property}' of '${service}' is read from ${variable}`, () => {
    assert.equal(variableNameOf(service, property), variable);
  });
}

const readable: readonly (readonly [string, z.ZodType, string, unknown])[] = [
  ['a whole number', z.int(), ' 42 ', 42],
  ['a negative number', z.number(), '-1.5e3', -1500],
  ['a boolean true', z.boolean(), 'true', true],
  ['a boolean yes', z.boolean(), 'YES', true],
  ['a boolean 0', z.boolean(), '0', false],
  ['text that looks like a number', z.string(), '007', '007'],
  ['text with white space', z.string(), ' a ', ' a '],
  ['one of several texts', z.enum(['a', 'b']), 'b', 'b'],
  ['one of several numbers', z.union([z.literal(1), z.literal(2)]), '2', 2],
  ['a list of texts', z.array(z.string()), 'a, b ,c', ['a', 'b', 'c']],
  ['a list of numbers', z.array(z.number()), '1,2.5', [1, 2.5]],
  ['a list written as JSON', z.array(z.object({ a: z.int() })), '[{"a":1}]', [{ a: 1 }]],
  ['an empty list', z.array(z.string()), '[]', []],
  ['a tuple', z.tuple([z.string(), z.int()]), 'a,1', ['a', 1]],
  ['an object', z.object({ a: z.int() }), '{"a":1}', { a: 1 }],
  ['a record', z.record(z.string(), z.boolean()), '{"a":true}', { a: true }],
  ['a number or a word: the number', z.union([z.literal('auto'), z.int()]), '5', 5],
  ['a number or a word: the word', z.union([z.literal('auto'), z.int()]), 'auto', 'auto'],
  ['a number before any text', z.union([z.string(), z.number()]), '8080', 8080],
  ['null where it is allowed', z.int().nullable(), 'null', null],
  ['a transformed value', z.string().transform((text) => text.length), 'abcd', 4],
  ['a referenced schema', z.int().meta({ id: 'ConfigTestSize' }), '3', 3],
];
for (const [what, schema, text, expected] of readable) {
  test(`${what} is read from text`, () => {
    assert.deepEqual(readValue(schema, text), { value: expected });
  });
}

const wrong: readonly (readonly [string, z.ZodType, string | undefined, string])[] = [
  ['text for a number', z.int().min(1).max(100), 'abc', 'is "abc"; expected a whole number from 1 to 100'],
  ['a fraction for a whole number', z.int(), '1.5', 'is "1.5"; expected a whole number'],
  ['a hexadecimal number', z.int(), '0x10', 'is "0x10"; expected a whole number'],
  ['a number beyond 2^53', z.int(), '9007199254740993', 'is "9007199254740993"; expected a whole number'],
  ['infinity', z.number(), 'Infinity', 'is "Infinity"; expected a number'],
  ['nothing', z.number().positive(), undefined, 'is not set; expected a number greater than 0'],
  ['empty text', z.number().min(0), '', 'is not set; expected a number of at least 0'],
  ['another word for a boolean', z.boolean(), 'maybe', 'is "maybe"; expected true or false'],
  ['none of the words', z.enum(['a', 'b']), 'c', 'is "c"; expected one of a, b'],
  [
    'an entry of the wrong type',
    z.array(z.int()).max(3),
    '1,x',
    'is "1,x"; expected a list of at most 3 entries separated by commas, each a whole number',
  ],
  [
    'an empty entry',
    z.array(z.int()),
    '1,,2',
    'is "1,,2"; expected a list separated by commas, each a whole number',
  ],
  ['broken JSON', z.object({ a: z.int() }), '{a:1', 'is "{a:1"; expected a JSON object'],
  ['a JSON array for an object', z.object({ a: z.int() }), '[1]', 'is "[1]"; expected a JSON object'],
  ['no URL', z.url(), 'nowhere', 'is "nowhere"; expected a URL (Invalid URL)'],
  [
    'none of the alternatives',
    z.union([z.int(), z.literal('auto')]),
    'x',
    'is "x"; expected a whole number or auto',
  ],
  [
    'the password of a URL',
    z.int(),
    'postgres://me:hunter2@db/x',
    'is "postgres://me:***@db/x"; expected a whole number',
  ],
  ['control characters', z.int(), 'a\u001b[2J\nb', 'is "a\\u001b[2J\\nb"; expected a whole number'],
];
for (const [what, schema, text, expected] of wrong) {
  test(`${what} is a problem that says what was expected`, () => {
    assert.deepEqual(readValue(schema, text), { message: `orders: ORDERS_VALUE ${expected}` });
  });
}

test('a value of the right type that the schema refuses is told with the reason', () => {
  const { message } = readValue(z.int().max(100), '500') as { message: string };
  assert.match(
    message,
    /^orders: ORDERS_VALUE is "500"; expected a whole number of at most 100 \(.*100.*\)$/,
  );
  const nested = readValue(z.object({ limits: z.object({ max: z.int() }) }), '{"limits":{"max":"x"}}') as {
    message: string;
  };
  assert.match(nested.message, /expected a JSON object \(limits\.max: /);
});

test('defaults and optional properties need no variable', () => {
  const schema = z.object({ a: z.int().default(3), b: z.string().optional() });
  assert.deepEqual(read(schema, {}), { value: { a: 3 }, problems: [] });
});

test('all problems of a service are found at once, each with its parts', () => {
  const schema = z.object({ a: z.int(), b: z.boolean(), c: z.string(), d: z.string() });
  const { value, problems } = read(schema, { ORDERS_A: 'x', ORDERS_C: 'fine' });
  assert.equal(value, undefined);
  assert.deepEqual(
    problems.map(({ service, variable, expected, given }) => ({ service, variable, expected, given })),
    [
      { service: 'orders', variable: 'ORDERS_A', expected: 'a whole number', given: '"x"' },
      { service: 'orders', variable: 'ORDERS_B', expected: 'true or false', given: undefined },
      { service: 'orders', variable: 'ORDERS_D', expected: 'text', given: undefined },
    ],
  );
});

test('a rule over several properties is told, and not applied to a half-read configuration', () => {
  const schema = z
    .object({ min: z.int().default(5), max: z.int() })
    .refine(({ min, max }) => min < max, 'min must be below max');
  assert.equal(
    read(schema, { ORDERS_MAX: '1' }).problems[0]?.message,
    'orders: ORDERS_*: min must be below max',
  );
  assert.deepEqual(
    read(schema, { ORDERS_MIN: 'x', ORDERS_MAX: '1' }).problems.map((problem) => problem.variable),
    ['ORDERS_MIN'],
  );
});

const secrets: Readonly<Record<string, z.ZodType>> = {
  password: z.string().min(100),
  clientSecret: z.string().min(100),
  apiKey: z.string().regex(/^never$/),
  accessTokens: z.array(z.int()),
  plain: z.string().min(100).meta({ writeOnly: true }),
  nested: z.object({ password: z.int() }),
  list: z.array(z.object({ token: z.int() })),
  custom: z
    .string()
    .meta({ writeOnly: true })
    .refine(() => false, { error: (issue) => `bad: ${issue.input}` }),
};
for (const [name, schema] of Object.entries(secrets)) {
  test(`the value of the secret '${name}' is never shown`, () => {
    for (const text of [
      'hunter2',
      '{"password":"hunter2"}',
      '[{"token":"hunter2"}]',
      '{"password":"hunter2',
    ]) {
      const { problems } = read(z.object({ [name]: schema }), { [variableNameOf('orders', name)]: text });
      assert.equal(problems.length, 1);
      assert.equal(problems[0]?.given, '[secret]');
      assert.ok(!JSON.stringify(problems).includes('hunter2'), JSON.stringify(problems));
    }
  });
}

test('a rule that quotes a secret is not shown', () => {
  const schema = z
    .object({ password: z.string() })
    .refine(() => false, { error: (issue) => JSON.stringify(issue.input) });
  const { problems } = read(schema, { ORDERS_PASSWORD: 'hunter2' });
  assert.equal(problems.length, 1);
  assert.ok(!JSON.stringify(problems).includes('hunter2'));
});

test('the problems of all services are one error with one line each', () => {
  const services = [
    { name: 'orders', config: z.object({ maxQuantity: z.int().min(1).max(100) }) },
    { name: 'photo-print', config: z.object({ mode: z.enum(['fast', 'fine']) }) },
    { name: 'uploads', config: undefined },
  ];
  assert.throws(
    () => readAllConfig(services, { ORDERS_MAX_QUANTITY: 'many' }),
    (error) => {
      assert.ok(isServiceError(error));
      assert.deepEqual([error.code, error.reason], ['failed_precondition', 'invalid_configuration']);
      assert.equal(
        error.message,
        `The configuration has 2 problems:
  orders: ORDERS_MAX_QUANTITY is "many"; expected a whole number from 1 to 100
  photo-print: PHOTO_PRINT_MODE is not set; expected one of fast, fine`,
      );
      return true;
    },
  );
  const values = readAllConfig(services, { ORDERS_MAX_QUANTITY: '7', PHOTO_PRINT_MODE: 'fine' });
  assert.deepEqual(
    [...values],
    [
      ['orders', { maxQuantity: 7 }],
      ['photo-print', { mode: 'fine' }],
      ['uploads', {}],
    ],
  );
});

test('two properties or services that would share a variable are refused', () => {
  const twins = z.object({ maxSize: z.int(), max_size: z.int() });
  assert.throws(() => read(twins, {}), /rename 'max_size' or 'maxSize'; both are read from ORDERS_MAX_SIZE/);
  const services = [
    { name: 'photo', config: z.object({ printSize: z.int() }) },
    { name: 'photo-print', config: z.object({ size: z.int() }) },
  ];
  assert.throws(() => readAllConfig(services, {}), /'photo' and 'photo-print' both read PHOTO_PRINT_SIZE/);
});

test('a schema that cannot serve is refused with the fix', () => {
  assert.throws(() => read(z.string(), {}), /service 'orders': use one object schema/);
  assert.throws(() => read(z.object({ at: z.date() }), {}), /service 'orders': /);
  assert.throws(() => read({} as never, {}), /Standard Schema/);
  const slow = z.object({ a: z.string().refine(async () => true) });
  assert.throws(() => read(slow, { ORDERS_A: 'x' }), /synchronous/i);
});

test('names of the object prototype are ordinary properties, and a source has only its own variables', () => {
  const shape = JSON.parse('{"constructor":0,"toString":0}');
  const schema = z.object(Object.fromEntries(Object.keys(shape).map((name) => [name, z.int()])));
  assert.deepEqual(read(schema, { ORDERS_CONSTRUCTOR: '1', ORDERS_TO_STRING: '2' }).value, {
    constructor: 1,
    toString: 2,
  });
  const inherited = Object.create({ ORDERS_A: '1' });
  assert.equal(read(z.object({ a: z.int() }), inherited).problems.length, 1);
});

test('any text is read or refused in one short line, and numbers survive the way through text', () => {
  const schema = z.object({
    int: z.int(),
    number: z.number(),
    flag: z.boolean(),
    list: z.array(z.int()),
    object: z.object({ a: z.int() }),
    text: z.string(),
  });
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.json()),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      (text, int, number) => {
        const properties = ['int', 'number', 'flag', 'list', 'object', 'text'];
        const source = Object.fromEntries(properties.map((name) => [variableNameOf('orders', name), text]));
        for (const { message } of read(schema, source).problems) {
          assert.ok(message.length < 500);
          assert.doesNotMatch(message, /\p{Cc}/u);
        }
        const written = {
          ORDERS_INT: String(int),
          ORDERS_NUMBER: String(number),
          ORDERS_FLAG: 'no',
          ORDERS_LIST: `${int},1`,
          ORDERS_OBJECT: '{"a":1}',
          ORDERS_TEXT: `x${text}`,
        };
        assert.deepEqual(read(schema, written).value, {
          int,
          number: Number(String(number)),
          flag: false,
          list: [int, 1],
          object: { a: 1 },
          text: `x${text}`,
        });
      },
    ),
  );
});

test('huge values are refused or read in good time', () => {
  const began = process.cpuUsage();
  for (const text of [
    '1'.repeat(1e6),
    '1,'.repeat(5e5),
    '['.repeat(1e6),
    '{"a":'.repeat(2e5),
    ' '.repeat(1e6),
  ]) {
    for (const schema of [z.int(), z.number(), z.boolean(), z.array(z.int()), z.object({ a: z.int() })]) {
      assert.ok('message' in readValue(schema, text));
    }
  }
  // Work is what counts, and not how long the machine stalled.
  const { user, system } = process.cpuUsage(began);
  assert.ok(user + system < 5_000_000, `${user + system} µs`);
});

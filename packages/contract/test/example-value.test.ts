import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exampleOf, type Schema, toJsonSchema } from '@banyan/contract';
import { z } from 'zod';

const example = (schema: Schema) => exampleOf(toJsonSchema(schema, 'input'));

test('an example has what is required, and the plainest value for each', () => {
  const schema = z.object({
    orderId: z.uuid(),
    at: z.iso.datetime(),
    name: z.string().min(8),
    quantity: z.int().min(2),
    ratio: z.number(),
    count: z.int(),
    isGift: z.boolean(),
    nothing: z.null(),
    anything: z.unknown(),
    note: z.string().optional(),
    lines: z.array(z.object({ sku: z.string() })),
  });
  assert.deepEqual(example(schema), {
    orderId: '01890a5d-ac96-774b-bcce-b302099a8057',
    at: '2026-01-31T12:00:00Z',
    name: 'text-tex',
    quantity: 2,
    ratio: 1,
    count: 1,
    isGift: true,
    nothing: null,
    anything: null,
    lines: [{ sku: 'text' }],
  });
});

test('what the schema says itself comes first: an example, a default, a constant, the first of a list', () => {
  const schema = z.object({
    city: z.string().meta({ examples: ['Bonn', 'Kyiv'] }),
    kind: z.literal('order'),
    size: z.enum(['small', 'large']),
  });
  assert.deepEqual(example(schema), { city: 'Bonn', kind: 'order', size: 'small' });
  assert.equal(example(z.int().default(20)), 20);
});

test('of alternatives the first is shown, of an intersection everything', () => {
  const card = z.object({ by: z.literal('card'), digits: z.string() });
  const invoice = z.object({ by: z.literal('invoice') });
  assert.deepEqual(example(z.union([card, invoice])), { by: 'card', digits: 'text' });
  assert.deepEqual(example(z.intersection(z.object({ a: z.int() }), z.object({ b: z.int() }))), {
    a: 1,
    b: 1,
  });
});

test('what stands beside a reference goes before what it refers to', () => {
  const $defs = { Sku: { type: 'string', examples: ['mug'] }, Size: { type: 'integer', default: 1 } };
  const properties = {
    sku: { $ref: '#/$defs/Sku', examples: ['cup'] },
    size: { $ref: '#/$defs/Size', default: 2 },
    other: { $ref: '#/$defs/Sku' },
  };
  const schema = { type: 'object', properties, required: ['sku', 'size', 'other'], $defs };
  assert.deepEqual(exampleOf(schema), { sku: 'cup', size: 2, other: 'mug' });
});

test('references are followed, and a schema that contains itself ends', () => {
  const Sku = z.string().meta({ id: 'Sku', examples: ['mug'] });
  assert.deepEqual(example(z.object({ sku: Sku })), { sku: 'mug' });
  const Folder = z.object({
    name: z.string(),
    get parts() {
      return z.array(Folder);
    },
  });
  const text = JSON.stringify(example(Folder));
  assert.match(text, /^\{"name":"text","parts":\[\{"name":"text","parts":\[/);
  assert.ok(text.length < 500, text);
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { Parser } from '@asyncapi/parser';
import {
  binary,
  contract,
  event,
  message,
  operation,
  toAsyncApi,
  toOpenApi,
  typebox,
} from '@banyan/contract';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { z } from 'zod';

const Address = z.object({ street: z.string(), country: z.string() }).meta({ id: 'Address' });
const Order = z.object({
  orderId: z.string(),
  shipTo: Address,
  items: z.array(z.object({ sku: z.string(), quantity: z.int() })),
});
const Category = z.object({
  name: z.string(),
  get parts() {
    return z.array(Category);
  },
});
const orders = contract('orders', {
  version: '1.2.0',
  description: 'Takes orders.',
  operations: {
    place: operation('POST /shops/:shop/orders', {
      summary: 'Place an order',
      input: z.object({ shop: z.string(), shipTo: Address, note: z.string().optional() }),
      output: Order,
      location: '/shops/main/orders/{orderId}',
      errors: {
        soldOut: { status: 409, description: 'Nothing left.', data: z.object({ left: z.int() }) },
        closed: { status: 409 },
        badNote: { status: 400 },
      },
    }),
    get: operation('GET /shops/:shop/orders/:orderId', {
      input: z.object({ shop: z.string(), orderId: z.string() }),
      output: Order,
      errors: { orderNotFound: { status: 404 } },
    }),
    list: operation('GET /shops/:name/orders', {
      input: z.object({
        name: z.string(),
        sku: z.array(z.string()).optional(),
        limit: z.int().min(1).max(50).default(10),
      }),
      output: z.object({ orders: z.array(Order) }),
    }),
    cancel: operation('DELETE /orders/:orderId', {
      input: z.object({ orderId: z.string() }),
      output: z.object({}),
      status: 204,
    }),
    pay: operation('POST /orders/:orderId/payment', {
      input: z.discriminatedUnion('kind', [
        z.object({ orderId: z.string(), kind: z.literal('card'), number: z.string() }),
        z.object({ orderId: z.string(), kind: z.literal('wallet'), token: z.string() }),
      ]),
      output: z.object({}),
    }),
    categories: operation('GET /categories', { input: z.object({}), output: Category }),
  },
  events: {
    placed: event('OrderPlaced', { data: Order, key: 'orderId', description: 'An order was taken.' }),
    moved: event('OrderMoved', {
      data: typebox(
        Compile(Type.Object({ orderId: Type.String(), at: Type.Tuple([Type.Number(), Type.Number()]) })),
      ),
      key: 'orderId',
    }),
  },
});
const Node = Type.Cyclic(
  { Node: Type.Object({ id: Type.String(), next: Type.Optional(Type.Ref('Node')) }) },
  'Node',
);
const photos = contract('photos', {
  version: '1.0.0',
  operations: {
    upload: operation('POST /photos', {
      input: z.object({ title: z.string().optional() }),
      output: z.object({ photoId: z.string() }),
      upload: binary({ types: ['image/jpeg', 'image/png'], maxBytes: 1000 }),
      errors: { notAnImage: { status: 415 } },
    }),
    get: operation('GET /photos/:photoId', {
      input: z.object({ photoId: z.string() }),
      output: binary({ types: ['image/*'] }),
    }),
    // The same name as in orders, for another thing.
    ship: operation('POST /photos/:photoId/shipment', {
      input: z.object({
        photoId: z.string(),
        to: z.object({ lines: z.array(z.string()) }).meta({ id: 'Address' }),
      }),
      output: z.object({}),
    }),
    chain: operation('POST /chains', { input: z.object({}), output: typebox(Compile(Node)) }),
  },
});

type Json = { readonly [name: string]: Json } & { readonly length: number };

const openApi = toOpenApi({
  title: 'Shop',
  version: '1.0.0',
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  contracts: [orders],
  operations: Object.values(photos.operations).map((operation) => ({
    contract: photos,
    operation,
    secured: true,
  })),
});
const document = openApi as unknown as Json;

test('the OpenAPI document has no errors and no warnings under the recommended rules of Redocly', async () => {
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintFromString({
    source: JSON.stringify(openApi),
    absoluteRef: 'openapi.json',
    config,
  });
  assert.deepEqual(
    problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer]),
    [],
  );
});

test('paths, query and body hold each field once', () => {
  const place = document['paths']?.['/shops/{shop}/orders']?.['post'];
  assert.deepEqual(place?.['parameters'], [
    { name: 'shop', in: 'path', required: true, schema: { type: 'string' } },
  ]);
  assert.deepEqual(place?.['requestBody']?.['content']?.['application/json']?.['schema'], {
    type: 'object',
    properties: { shipTo: { $ref: '#/components/schemas/Address' }, note: { type: 'string' } },
    required: ['shipTo'],
  });
  // `list` calls the first name otherwise, but it is one path.
  const list = document['paths']?.['/shops/{shop}/orders']?.['get'];
  assert.deepEqual(list?.['parameters'], [
    { name: 'shop', in: 'path', required: true, schema: { type: 'string' } },
    { name: 'sku', in: 'query', required: false, schema: { type: 'array', items: { type: 'string' } } },
    {
      name: 'limit',
      in: 'query',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 50, default: 10 },
    },
  ]);
  const branches =
    document['paths']?.['/orders/{orderId}/payment']?.['post']?.['requestBody']?.['content']?.[
      'application/json'
    ]?.['schema'];
  const fields = ['0', '1'].map((index) =>
    Object.keys(
      branches?.['oneOf']?.[index]?.['properties'] ?? branches?.['anyOf']?.[index]?.['properties'] ?? {},
    ),
  );
  assert.deepEqual(fields, [
    ['kind', 'number'],
    ['kind', 'token'],
  ]);
});

test('two things of one name become two components', () => {
  const schemas = document['components']?.['schemas'];
  assert.deepEqual(Object.keys(schemas?.['Address']?.['properties'] ?? {}), ['street', 'country']);
  assert.deepEqual(Object.keys(schemas?.['photos.Address']?.['properties'] ?? {}), ['lines']);
  const body =
    document['paths']?.['/photos/{photoId}/shipment']?.['post']?.['requestBody']?.['content']?.[
      'application/json'
    ];
  assert.deepEqual(body?.['schema']?.['properties']?.['to'], { $ref: '#/components/schemas/photos.Address' });
});

test('declared refusals stand beside the answers of the platform', () => {
  const responses = document['paths']?.['/shops/{shop}/orders']?.['post']?.['responses'];
  assert.deepEqual(Object.keys(responses ?? {}).sort(), ['201', '400', '409', 'default']);
  assert.equal(responses?.['409']?.['description'], '`soldOut`: Nothing left.\n\n`closed`');
  assert.equal(
    responses?.['409']?.['content']?.['application/problem+json']?.['schema']?.['anyOf']?.length,
    2,
  );
  // A declared 400 and the platform's own: either may come.
  assert.equal(
    responses?.['400']?.['content']?.['application/problem+json']?.['schema']?.['anyOf']?.length,
    2,
  );
  assert.deepEqual(responses?.['default'], { $ref: '#/components/responses/Unexpected' });
  assert.deepEqual(Object.keys(responses?.['201']?.['headers'] ?? {}), ['Location']);
});

test('only secured operations ask for the bearer token', () => {
  assert.deepEqual(document['paths']?.['/photos']?.['post']?.['security'], [{ bearer: [] }]);
  assert.deepEqual(document['paths']?.['/categories']?.['get']?.['security'], []);
  assert.equal(
    'securitySchemes' in
      (toOpenApi({ title: 'x', version: '1', contracts: [orders] })['components'] as object),
    false,
  );
});

test('uploads and downloads name their media types', () => {
  const upload = document['paths']?.['/photos']?.['post'];
  assert.deepEqual(Object.keys(upload?.['requestBody']?.['content'] ?? {}), ['image/jpeg', 'image/png']);
  assert.deepEqual(Object.keys(upload?.['responses'] ?? {}).sort(), [
    '200',
    '400',
    '401',
    '413',
    '415',
    'default',
  ]);
  const download = document['paths']?.['/photos/{photoId}']?.['get'];
  assert.deepEqual(Object.keys(download?.['responses']?.['200']?.['content'] ?? {}), ['image/*']);
});

test('the AsyncAPI document has no errors and no warnings under the parser of AsyncAPI', async () => {
  const asyncApi = toAsyncApi({ title: 'Shop', version: '1.0.0', contracts: [orders, photos] });
  const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(asyncApi));
  // Level 0 is an error, 1 a warning; below are hints such as "info.license is missing".
  assert.deepEqual(
    diagnostics.filter(({ severity }) => severity <= 1).map(({ message, path }) => [message, path.join('/')]),
    [],
  );
  assert.deepEqual(
    parsed
      ?.channels()
      .all()
      .map((channel) => channel.address()),
    ['orders.placed', 'orders.moved', '{service}.banyanAlarm'],
  );
  const alarm = parsed?.channels().get('banyanAlarm');
  assert.deepEqual(alarm?.parameters().get('service')?.json('enum'), ['orders', 'photos']);
  const alarmData = alarm?.messages().get('BanyanAlarm')?.payload()?.property('data');
  assert.deepEqual(alarmData?.property('invariant')?.enum(), [
    'outbox',
    'consumer',
    'sagas',
    'readers',
    'flows',
  ]);
  const placed = parsed
    ?.messages()
    .all()
    .find((message) => message.name() === 'OrderPlaced');
  // The attributes of a CloudEvent as @banyan/events writes it, which this package must not import.
  assert.deepEqual(placed?.payload()?.required()?.sort(), [
    'banyanname',
    'data',
    'datacontenttype',
    'id',
    'source',
    'specversion',
    'subject',
    'time',
    'type',
  ]);
  const source = placed?.payload()?.property('source')?.const() as unknown;
  assert.equal(source, '/services/orders');
});

test('messages are received and answered, answered events are sent, in the AsyncAPI document', async () => {
  const Order = z.object({ orderId: z.string() });
  const stock = contract('stock', {
    version: '1.0.0',
    operations: {},
    events: {
      reserve: event('QuoteRequested', { data: Order, key: 'orderId', answer: z.object({ cents: z.int() }) }),
    },
    messages: {
      reserve: message('ReserveStock', { data: Order, key: 'orderId', reply: z.object({ left: z.int() }) }),
      forget: message('ForgetStock', { data: Order, key: 'orderId' }),
    },
  });
  const asyncApi = toAsyncApi({ title: 'Stock', version: '1.0.0', contracts: [stock] });
  const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(asyncApi));
  assert.deepEqual(
    diagnostics
      .filter(({ severity }) => severity <= 1)
      .map(({ message: why, path }) => [why, path.join('/')]),
    [],
  );
  const operations = parsed?.operations().all() ?? [];
  const described = operations.map((each) => [
    each.id(),
    each.action(),
    each
      .channels()
      .all()
      .map((channel) => channel.address())[0],
    each
      .reply()
      ?.messages()
      .all()
      .map((reply) => reply.name())[0],
    each.reply()?.address()?.location(),
  ]);
  const location = '$message.payload#/banyanreplyto';
  assert.deepEqual(described, [
    ['stock.reserve.publish', 'send', 'stock.reserve', 'QuoteRequestedAnswer', location],
    ['stock.reserve.receive', 'receive', '@stock.reserve', 'ReserveStockReply', location],
    ['stock.forget.receive', 'receive', '@stock.forget', undefined, undefined],
    ['banyanAlarm.publish', 'send', '{service}.banyanAlarm', undefined, undefined],
  ]);
  const sent = operations[1]?.messages().all()[0];
  assert.deepEqual(sent?.payload()?.property('banyanto')?.const() as unknown, 'stock');
  assert.ok(sent?.payload()?.required()?.includes('source'));
  const reply = operations[1]?.reply()?.messages().all()[0];
  assert.ok(reply?.payload()?.required()?.includes('banyanrequest'));
});

test('empty documents are documents', async () => {
  const config = await createConfig({ extends: ['minimal'] });
  const source = JSON.stringify(toOpenApi({ title: 'Nothing', version: '1.0.0' }));
  const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config });
  assert.deepEqual(
    problems.filter(({ severity }) => severity === 'error'),
    [],
  );
  const { diagnostics } = await new Parser().parse(
    JSON.stringify(toAsyncApi({ title: 'Nothing', version: '1.0.0', contracts: [] })),
  );
  assert.deepEqual(
    diagnostics.filter(({ severity }) => severity === 0),
    [],
  );
});

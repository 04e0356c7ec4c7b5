import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeGraph, type Edge, productionProblems, service, servicesOf, system } from '@banyan/chassis';
import { contract, event, message, operation } from '@banyan/contract';
import { saga } from '@banyan/saga';
import { z } from 'zod';

const Id = z.object({ id: z.string() });
const stock = contract('stock', {
  version: '1.2.0',
  operations: { reserve: operation('POST /reservations', { input: Id, output: Id }) },
  events: { reserved: event('StockReserved', { data: Id, key: 'id' }) },
});
const shop = contract('shop', {
  version: '1.0.0',
  operations: { buy: operation('POST /purchases', { input: Id, output: Id }) },
});
const stockService = service(stock, { operations: { reserve: async ({ id }) => ({ id }) } });
const shopService = service(shop, {
  uses: { stock },
  operations: { buy: async ({ id }) => ({ id }) },
  on: { 'stock.reserved': async () => {} },
});

function edge(routes: Edge['routes'], uses: Edge['uses'] = []): Edge {
  return {
    kind: 'edge',
    routes,
    uses,
    create: () => assert.fail('a definition starts nothing'),
  };
}

test('a missing handler is refused when the service is defined', () => {
  assert.throws(() => service(stock, { operations: {} as never }), {
    name: 'TypeError',
    message: /service 'stock': add a function 'operations\.reserve'/,
  });
});

test('a handler that the contract does not know is refused', () => {
  const operations = { reserve: async () => ({ id: '1' }), release: async () => {} };
  assert.throws(() => service(stock, { operations } as never), {
    name: 'TypeError',
    message: /remove 'operations\.release'.*has reserve/,
  });
});

test('a consumer of an unknown event is refused with the events there are', () => {
  const on = { 'stock.sold': async () => {} };
  const operations = { buy: async () => ({ id: '1' }) };
  assert.throws(() => service(shop, { uses: { stock }, operations, on } as never), {
    name: 'TypeError',
    message: /on 'stock\.sold': contract 'stock' has no such event; it has reserved/,
  });
});

test('a consumer of a service that is not in uses is refused', () => {
  const on = { 'stock.reserved': async () => {} };
  assert.throws(() => service(shop, { operations: { buy: async () => ({ id: '1' }) }, on } as never), {
    name: 'TypeError',
    message: /add 'stock' to 'uses'/,
  });
});

test('a system lists every contradiction at once', () => {
  const routes = [
    {
      method: 'GET',
      path: '/things/:id',
      service: 'shop',
      operation: 'buy',
      version: '1.0.0',
      policy: 'anyone',
    },
    {
      method: 'GET',
      path: '/things/:name',
      service: 'shop',
      operation: 'sell',
      version: '1.0.0',
      policy: 'anyone',
    },
  ];
  assert.throws(
    () => system('Shop!', { services: [shopService, shopService], gateway: edge(routes) }),
    (error: unknown) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, /kebab-case/);
      assert.match(error.message, /two services are named 'shop'/);
      assert.match(error.message, /'shop' uses 'stock', which no service of the system keeps/);
      assert.match(error.message, /'shop\.sell' and 'shop\.buy' both want GET/);
      return true;
    },
  );
});

const realStock = service(stock, { operations: { reserve: async () => ({ id: 'real' }) } });

test('a stand-in takes the place of the service of its name, in development alone', () => {
  const shopSystem = system('shop', { services: [shopService, realStock], development: [stockService] });
  assert.deepEqual(servicesOf(shopSystem, true), [shopService, stockService]);
  assert.deepEqual(servicesOf(shopSystem, false), [shopService, realStock]);
  const { nodes } = describeGraph(shopSystem);
  assert.deepEqual(
    nodes.map(({ name, development }) => [name, development]),
    [
      ['shop', false],
      ['stock', true],
    ],
  );
});

test('a graph of what runs in production has no stand-ins, and nothing that leads to them', () => {
  const shopSystem = system('shop', { services: [shopService], development: [stockService] });
  assert.ok(describeGraph(shopSystem).edges.some(({ to }) => to === 'stock'));
  const { nodes, edges } = describeGraph(shopSystem, servicesOf(shopSystem, false));
  assert.deepEqual(
    nodes.map(({ name }) => name),
    ['shop'],
  );
  assert.deepEqual(edges, []);
});

test('a stand-in that is not the same to its callers is refused, with what differs', () => {
  const define = (standIn: typeof stockService) => () =>
    system('shop', { services: [shopService, realStock], development: [standIn] });
  const operations = { reserve: async ({ id }: { id: string }) => ({ id }) };
  const newer = contract('stock', { version: '1.3.0', operations: stock.operations, events: stock.events });
  assert.throws(define(service(newer, { operations })), {
    message:
      /'stock' of 'development' takes the place .* keeps 'stock' 1\.3\.0, but that one keeps 'stock' 1\.2\.0; let both keep the same version/,
  });
  const otherName = service(contract('stock', { version: '1.2.0', operations: stock.operations }), {
    name: 'fake-stock',
    operations,
  });
  assert.throws(define(otherName as never), {
    message:
      /both keep 'stock' 1\.2\.0; remove one, or give a stand-in of 'development' the name of the service/,
  });
  assert.throws(
    () => system('shop', { services: [shopService], development: [stockService, stockService] }),
    { message: /two services are named 'stock'/ },
  );
});

test('what nobody keeps in production is named, for services and for the gateway', () => {
  const standIns = system('shop', {
    services: [shopService],
    development: [stockService],
    gateway: edge([], [stock, shop]),
  });
  const ofShop =
    "in production service 'shop' uses 'stock', which no service of the system keeps; add it to 'services'.";
  const ofGateway =
    "in production the gateway exposes or asks 'stock', which no service of the system keeps; add it to 'services'.";
  assert.deepEqual(productionProblems(standIns), [ofShop, ofGateway]);
  assert.deepEqual(productionProblems(standIns, ['gateway']), [ofGateway]);
  assert.deepEqual(productionProblems(standIns, ['shop']), [ofShop]);
  const whole = system('shop', {
    services: [shopService, realStock],
    development: [stockService],
    gateway: edge([], [stock, shop]),
  });
  assert.deepEqual(productionProblems(whole), []);
});

test('a service may not use a major version that the system does not have', () => {
  const newer = contract('stock', { version: '2.0.0', operations: stock.operations });
  const operations = { buy: async () => ({ id: '1' }) };
  assert.throws(
    () => system('shop', { services: [stockService, service(shop, { uses: { stock: newer }, operations })] }),
    { name: 'TypeError', message: /uses 'stock' 2\.0\.0, but the system has 1\.2\.0/ },
  );
});

test('the graph says who calls and who listens to whom', () => {
  const routes = [
    {
      method: 'POST',
      path: '/purchases',
      service: 'shop',
      operation: 'buy',
      version: '1.0.0',
      policy: 'anyone',
    },
  ];
  const described = describeGraph(
    system('shop', { services: [shopService], development: [stockService], gateway: edge(routes, [shop]) }),
  );
  assert.deepEqual(
    described.nodes.map(({ name, development }) => [name, development]),
    [
      ['gateway', false],
      ['shop', false],
      ['stock', true],
    ],
  );
  assert.deepEqual(described.edges, [
    { from: 'gateway', to: 'shop', kind: 'call', labels: ['buy'] },
    { from: 'shop', to: 'stock', kind: 'call', labels: [] },
    { from: 'stock', to: 'shop', kind: 'event', labels: ['reserved'] },
  ]);
});

const tills = contract('tills', {
  version: '1.0.0',
  operations: {},
  messages: {
    charge: message('ChargeCard', { data: Id, key: 'id', reply: Id }),
    print: message('PrintReceipt', { data: Id, key: 'id' }),
  },
});
const sells = { buy: async ({ id }: { id: string }) => ({ id }) };

test('a message without a handler, and a handler without a message, are refused', () => {
  const charge = async ({ id }: { id: string }) => ({ id });
  assert.throws(() => service(tills, { operations: {}, messages: { charge } } as never), {
    name: 'TypeError',
    message: /service 'tills': add a function 'messages\.print'/,
  });
  const messages = { charge, print: async () => {}, refund: async () => {} };
  assert.throws(() => service(tills, { operations: {}, messages } as never), {
    name: 'TypeError',
    message: /remove 'messages\.refund'.*has charge, print/,
  });
});

test('a handler of replies that cannot come is refused', () => {
  const define = (uses: object, name: string) => () =>
    service(shop, { uses, operations: sells, replies: { [name]: async () => {} } } as never);
  assert.throws(define({}, 'tills.charge'), { message: /replies 'tills\.charge': add 'tills' to 'uses'/ });
  assert.throws(define({ tills }, 'tills.refund'), { message: /no such message; it has charge, print/ });
  assert.throws(define({ tills }, 'tills.print'), {
    message: /'tills\.print' is one-way: declare its 'reply'/,
  });
});

test('the graph says who may send to whom', () => {
  const tillsService = service(tills, {
    operations: {},
    messages: { charge: async ({ id }) => ({ id }), print: async () => {} },
  });
  const shopping = service(shop, { uses: { tills }, operations: sells });
  const { edges } = describeGraph(system('shop', { services: [shopping, tillsService] }));
  assert.deepEqual(edges, [{ from: 'shop', to: 'tills', kind: 'message', labels: ['charge', 'print'] }]);
});

test('a step of a saga may read through a service that acts outside of the platform, and not act through it', () => {
  const Book = z.object({ book: z.string() });
  const outside = contract('outside', {
    version: '1.0.0',
    operations: {
      look: operation('GET /books/:book', { input: Book, output: z.object({}) }),
      change: operation('POST /books/:book', { input: Book, output: z.object({}) }),
    },
  });
  const outsideService = service(outside, {
    actsOutside: true,
    operations: { look: async () => ({}), change: async () => ({}) },
  });
  const define = (part: 'call' | 'undo', name: 'look' | 'change') => {
    const action = {
      call: outside.operations[name],
      with: ({ input }: { input: { book: string } }) => input,
    };
    const definition = saga('reviewing', { version: 1, input: Book }).step(
      'add',
      part === 'call' ? action : { run: async () => ({}), undo: action },
    );
    const user = contract('user', { version: '1.0.0', operations: {} });
    const services = [
      outsideService,
      service(user, { uses: { outside }, sagas: [definition], operations: {} }),
    ];
    return system('reviews', { services });
  };
  for (const part of ['call', 'undo'] as const) {
    assert.throws(
      () => define(part, 'change'),
      /saga 'reviewing' of 'user', step 'add' calls 'outside.change', which acts outside/,
    );
    assert.equal(define(part, 'look').name, 'reviews');
  }
});

import { type Service, type Sql, service } from '@banyan/banyan';
import { accounting, consumers, ordering, restaurants } from './contracts.ts';
import { dependencies, type Outages } from './outages.ts';

const price = 1_250;

/** Ordering and the three services that it depends on, which are down when `outages` says so. */
export function createServices(outages: Outages): readonly Service[] {
  return [
    orderingService,
    consumersService(outages),
    restaurantsService(outages),
    accountingService(outages),
  ];
}

const orderingService = service(ordering, {
  uses: { consumers, restaurants, accounting },
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async orderNow({ consumerId, item }, { call, sql }) {
      await call.consumers.verify({ consumerId });
      const quoted = await call.restaurants.quote({ item });
      await call.accounting.authorize({ amount: quoted.price });
      return insert(sql, { amount: quoted.price, waitingFor: [] });
    },

    // The requests commit with the order, and wait for whoever is down.
    async orderByMessages({ consumerId, item }, { tx }) {
      return tx(async ({ sql, send }) => {
        const order = await insert(sql, { waitingFor: dependencies });
        send('consumers.verify', { ...order, consumerId });
        send('restaurants.quote', { ...order, item });
        return order;
      });
    },

    async orderByCopies({ consumerId, item }, { tx, fail }) {
      return tx(async ({ sql, emit }) => {
        const [known] = await sql<{ price: number }>`
          select price from menu, consumers where item = ${item} and consumer_id = ${consumerId}`;
        if (known === undefined) return fail('notOnOffer');
        const order = await insert(sql, { amount: known.price, waitingFor: ['accounting'] });
        emit('placed', { ...order, amount: known.price });
        return order;
      });
    },

    async count(_input, { sql }) {
      const [counts] = await sql<{ orders: number; settled: number; consumers: number; items: number }>`
        select (select count(*) from orders) as orders,
          (select count(*) from orders where waiting_for = '{}') as settled,
          (select count(*) from consumers) as consumers, (select count(*) from menu) as items`;
      if (counts === undefined) throw new Error('An aggregate has one row.');
      return counts;
    },
  },
  on: {
    'consumers.registered': async ({ consumerId }, { sql }) => {
      await sql`insert into consumers (consumer_id) values (${consumerId}) on conflict do nothing`;
    },
    'restaurants.menuRevised': async ({ item, price }, { sql }) => {
      await sql`insert into menu (item, price) values (${item}, ${price})
        on conflict (item) do update set price = excluded.price`;
    },
    'accounting.authorized': async ({ orderId }, { sql }) => hear(sql, orderId, 'accounting'),
  },
  replies: {
    'consumers.verify': async ({ orderId }, { sql }) => hear(sql, orderId, 'consumers'),
    // Only now is it known how much accounting is to be asked for.
    async 'restaurants.quote'({ orderId, price }, { sql, send }) {
      await sql`update orders set amount = ${price} where order_id = ${orderId}`;
      await hear(sql, orderId, 'restaurants');
      send('accounting.authorize', { orderId, amount: price });
    },
    'accounting.authorize': async ({ orderId }, { sql }) => hear(sql, orderId, 'accounting'),
  },
});

async function insert(
  sql: Sql,
  { amount, waitingFor }: { readonly amount?: number; readonly waitingFor: readonly string[] },
): Promise<{ orderId: string }> {
  const [order] = await sql<{ orderId: string }>`
    insert into orders (amount, waiting_for) values (${amount ?? null}, ${sql.array(waitingFor, 'text')})
    returning order_id`;
  if (order === undefined) throw new Error('The order was not stored.');
  return order;
}

/** An order is settled when everybody has been heard. */
async function hear(sql: Sql, orderId: string, from: string): Promise<void> {
  await sql`update orders set waiting_for = array_remove(waiting_for, ${from}) where order_id = ${orderId}`;
}

function consumersService(outages: Outages): Service {
  return service(consumers, {
    uses: { ordering },
    operations: {
      async register({ consumerId }, { tx }) {
        return tx(async ({ emit }) => emit('registered', { consumerId }) ?? {});
      },
      async verify() {
        outages.check('consumers');
        return {};
      },
    },
    messages: {
      async verify({ orderId }) {
        outages.check('consumers');
        return { orderId };
      },
    },
  });
}

function restaurantsService(outages: Outages): Service {
  return service(restaurants, {
    uses: { ordering },
    operations: {
      async reviseMenu(revised, { tx }) {
        return tx(async ({ emit }) => emit('menuRevised', revised) ?? {});
      },
      async quote({ item }) {
        outages.check('restaurants');
        return { item, price };
      },
    },
    messages: {
      async quote({ orderId }) {
        outages.check('restaurants');
        return { orderId, price };
      },
    },
  });
}

function accountingService(outages: Outages): Service {
  return service(accounting, {
    uses: { ordering },
    operations: {
      async authorize() {
        outages.check('accounting');
        return {};
      },
    },
    messages: {
      async authorize({ orderId }) {
        outages.check('accounting');
        return { orderId };
      },
    },
    on: {
      'ordering.placed': async ({ orderId }, { emit }) => {
        outages.check('accounting');
        emit('authorized', { orderId });
      },
    },
  });
}

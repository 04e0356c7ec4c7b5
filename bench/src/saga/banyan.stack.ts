import { randomBytes } from 'node:crypto';
import { contract, durable, operation, saga, service, system } from '@banyan/banyan';
import { createClient } from '@banyan/chassis';
import type { Sql } from '@banyan/core';
import { provisionSystem } from '@banyan/postgres';
import { createCallContext } from '@banyan/rpc';
import { openHost } from '@banyan/testing';
import pg from 'pg';
import { z } from 'zod';
import type { PostgresPair } from '../events/postgres-pair.ts';
import type { SagaStack } from './stack.ts';

const Order = z.object({ orderId: z.int() });
const Entry = { input: Order, output: z.object({ entryId: z.int() }) };
const ledger = (name: string) => {
  const promised = contract(name, {
    version: '1.0.0',
    operations: { book: operation('POST /entries', Entry), unbook: operation('POST /reversals', Entry) },
  });
  const insert = async (
    { orderId }: z.output<typeof Order>,
    { tx }: { tx: <R>(work: (t: { sql: Sql }) => Promise<R>) => Promise<R> },
  ) => {
    const [row] = await tx(
      ({ sql }) => sql<{ id: number }>`insert into entries (order_id) values (${orderId}) returning id`,
    );
    return { entryId: row?.id ?? 0 };
  };
  return {
    promised,
    kept: service(promised, {
      migrations: new URL('./migrations/ledger/', import.meta.url),
      operations: { book: insert, unbook: insert },
    }),
  };
};
const stock = ledger('stock');
const payments = ledger('payments');

const step = (name: string) => ({
  tx: async ({ input }: { readonly input: z.output<typeof Order> }, { sql }: { readonly sql: Sql }) => {
    await sql`insert into steps (order_id, step) values (${input.orderId}, ${name})`;
    return { name };
  },
  undo: { run: async () => {} },
});

const local = saga('local', { version: 1, input: Order })
  .step('one', step('one'))
  .step('two', step('two'))
  .step('three', step('three'));

const booking = (of: typeof stock) => ({
  call: of.promised.operations.book,
  with: ({ input }: { readonly input: z.output<typeof Order> }) => ({ orderId: input.orderId }),
  undo: {
    call: of.promised.operations.unbook,
    with: ({ input }: { readonly input: z.output<typeof Order> }) => ({ orderId: input.orderId }),
  },
});
/** Two steps in two other services, the third in the own one. */
const across = saga('across', { version: 1, input: Order })
  .step('stock', booking(stock))
  .step('payment', booking(payments))
  .pivot('approve', { tx: step('three').tx });
/** All three in other services. */
const remote = saga('remote', { version: 1, input: Order })
  .step('stock', booking(stock))
  .step('payment', booking(payments))
  .step('again', booking(stock));

/** The three steps of `local` as plain code. */
const code = durable('code', { version: 1, input: Order, output: z.object({}) }, async ({ orderId }, d) => {
  for (const name of ['one', 'two', 'three']) {
    await d.tx(name, async ({ sql }) => {
      await sql`insert into steps (order_id, step) values (${orderId}, ${name})`;
      return { name };
    });
  }
  return {};
});

const shop = contract('shop', {
  version: '1.0.0',
  operations: {
    order: operation('POST /orders', {
      input: Order.extend({ kind: z.string() }),
      output: z.object({ status: z.string() }),
      timeoutMs: 60_000,
    }),
  },
});
const sagas = { local, across, remote };
const startable = { ...sagas, code };
const shopService = service(shop, {
  uses: { stock: stock.promised, payments: payments.promised },
  migrations: new URL('./migrations/shop/', import.meta.url),
  sagas: Object.values(sagas),
  durable: [code],
  operations: {
    async order({ kind, orderId }, { sagas: own }) {
      const sagaId = await own.start(startable[kind as keyof typeof startable], { orderId });
      const end = await own.ended(sagaId, { timeoutMs: 50_000 });
      return { status: end?.status ?? 'forgotten' };
    },
  },
});
const probe = contract('probe', { version: '1.0.0', operations: {} });
const bench = system('saga-bench', {
  services: [shopService, stock.kept, payments.kept, service(probe, { uses: { shop }, operations: {} })],
});

export interface BanyanSagaStack extends SagaStack {
  /** Adds instances that wait for a signal, and brings the statistics up to date. */
  addWaiting(count: number): Promise<void>;
  /** How one look for due sagas is planned, the pages it reads, and megabytes of the table and its indexes. */
  footprint(): Promise<string>;
}

const waitingState = JSON.stringify({
  steps: { one: { s: 'done', r: { name: 'one' } }, decision: { s: 'waiting' } },
  done: ['one'],
  round: 0,
  read: [],
});

/** Everything in one process, as `banyan up --production` runs it; each service has a database of its own. */
export async function startBanyan(
  pair: PostgresPair,
  kind: keyof typeof startable,
): Promise<BanyanSagaStack> {
  const parts = bench.services.map(({ name }) => name);
  const secret = randomBytes(32).toString('base64url');
  const prefix = `b${randomBytes(4).toString('hex')}_`;
  const urls = await provisionSystem({
    adminUrl: pair.adminUrl,
    system: `bench-${prefix}`,
    prefix,
    services: parts,
    secret,
  });
  const { host, stop } = await openHost({ system: bench, parts, urls, secret });
  await host.start();
  const client = createClient(shop, host.endpoint('shop', 'probe'), () =>
    createCallContext({ caller: { service: 'probe' }, timeoutMs: 60_000 }),
  );
  const pool = new pg.Pool({ connectionString: urls.serviceUrls['shop'], max: 1 });
  pool.on('error', () => {});
  return {
    async addWaiting(count) {
      await pool.query(
        `insert into banyan.saga (id, name, version, input, state, status, waiting_for)
        select gen_random_uuid(), 'local', 1, '{"orderId":1}', $1::json, 'running', 'decision' from generate_series(1, $2::int4)`,
        [waitingState, count],
      );
      await pool.query('analyze banyan.saga');
    },
    async footprint() {
      const { rows } = await pool.query<{ 'QUERY PLAN': string }>(
        `explain (analyze, buffers, costs off, timing off, summary off) select id from banyan.saga
        where name = 'local' and version = 1 and owner is null and ready_at <= now() order by ready_at limit 500`,
      );
      const lines = rows.map((row) => row['QUERY PLAN'].trim());
      const plan = lines.filter((line) => line.includes('Scan'));
      const pages = lines.filter((line) => line.startsWith('Buffers: ')).slice(0, 1);
      const { rows: sizes } = await pool.query<{ name: string; mb: number }>(
        `select relname as name, round(pg_relation_size(oid) / 1048576.0, 1)::float8 as mb from pg_class
        where oid = 'banyan.saga'::regclass or oid in (select indexrelid from pg_index where indrelid = 'banyan.saga'::regclass)
        order by relname`,
      );
      return [...plan, ...pages, ...sizes.map(({ name, mb }) => `${name} ${mb} MB`)].join(', ');
    },
    async runOne(orderId) {
      const { status } = await client.order({ orderId, kind });
      if (status !== 'completed') throw new Error(`a saga ended ${status}`);
    },
    async stop() {
      await pool.end();
      await stop();
    },
  };
}

import { service, system } from '@banyan/chassis';
import { contract, type InputOf, operation } from '@banyan/contract';
import { defineReplica, type ReplicaContract, replicaEvents, replicaOperations } from '@banyan/replicas';
import { z } from 'zod';

export const Stock = z.object({ pieces: z.int() });

/** A replica of a stock list: one contract for each, all alike. */
function stockContract<const Name extends string>(name: Name) {
  return contract(name, {
    version: '1.0.0',
    operations: {
      ...replicaOperations(Stock),
      setStock: operation('PUT /stock/:sku', {
        input: z.object({ sku: z.string(), pieces: z.int() }),
        output: z.object({}),
      }),
      removeStock: operation('DELETE /stock/:sku', {
        input: z.object({ sku: z.string() }),
        output: z.object({}),
      }),
      getStock: operation('GET /stock/:sku', {
        input: z.object({ sku: z.string() }),
        output: z.object({ pieces: z.int().optional() }),
      }),
      listPending: operation('GET /pending', {
        input: z.object({}),
        output: z.object({ pending: z.array(z.string()), lagMs: z.number() }),
      }),
      compare: operation('POST /compare', {
        input: z.object({}),
        output: z.object({ repaired: z.array(z.string()) }),
      }),
      /** What no operation of a real service does: change a table behind the replica's back. */
      damage: operation('POST /damage', { input: z.object({ sku: z.string() }), output: z.object({}) }),
    },
    events: replicaEvents(Stock),
  });
}

export const stockA = stockContract('stock-a');
export const stockB = stockContract('stock-b');
export const stockC = stockContract('stock-c');
type StockContract = typeof stockA | typeof stockB | typeof stockC;
type Entry = InputOf<typeof Stock>;

function stockService(self: StockContract, all: readonly StockContract[]) {
  const peers = all.filter((other) => other.name !== self.name);
  const replica = defineReplica<Entry>({
    self: self as ReplicaContract,
    peers: peers as readonly ReplicaContract[],
  });
  return service(self as typeof stockA, {
    uses: Object.fromEntries(peers.map((peer) => [peer.name, peer])),
    migrations: new URL('./migrations/', import.meta.url),
    operations: {
      ...replica.operations,
      async setStock({ sku, pieces }, { tx }) {
        await tx((transaction) => replica.write(transaction, sku, { pieces }));
        return {};
      },
      async removeStock({ sku }, { tx }) {
        await tx((transaction) => replica.remove(transaction, sku));
        return {};
      },
      async getStock({ sku }, context) {
        await replica.requireCaughtUp(context);
        return { pieces: (await replica.read(context.sql, sku))?.pieces };
      },
      async listPending(_input, { sql }) {
        const pending = await replica.pending(sql);
        const { lagMs } = await replica.status(sql);
        return { pending: pending.map(({ origin, seq }) => `${origin}/${seq}`), lagMs };
      },
      async compare(_input, context) {
        const { repaired } = await replica.reconcile(context, (work) =>
          context.tx((transaction) => work(transaction)),
        );
        return { repaired: [...repaired] };
      },
      async damage({ sku }, { sql }) {
        await sql`update banyan.replica_value set value = '{"pieces": -1}' where key = ${sku}`;
        return {};
      },
    },
    on: replica.on as object,
  });
}

export function stockSystem(...contracts: readonly StockContract[]) {
  return system('stock', { services: contracts.map((each) => stockService(each, contracts)) });
}

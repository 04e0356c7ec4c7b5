import { Logger, run as runWorker } from 'graphile-worker';
import pg from 'pg';
import type { PostgresPair } from '../events/postgres-pair.ts';
import type { SagaStack } from './stack.ts';

interface Payload {
  readonly orderId: number;
}

/** Three jobs chained by hand: each inserts its row and adds the next job in one transaction. */
export async function startGraphileChain(pair: PostgresPair): Promise<SagaStack> {
  const pool = new pg.Pool({ connectionString: pair.urlOf('source'), max: 16 });
  pool.on('error', () => {});
  await pool.query('create table if not exists chain_steps (order_id bigint, step text)');
  const ends = new Map<number, () => void>();
  const step = (name: string, next: string | undefined) => async (payload: unknown) => {
    const { orderId } = payload as Payload;
    const client = await pool.connect();
    try {
      await client.query('begin');
      await client.query('insert into chain_steps values ($1, $2)', [orderId, name]);
      if (next !== undefined) {
        await client.query('select chain_worker.add_job($1, $2::json)', [next, { orderId }]);
      }
      await client.query('commit');
    } finally {
      client.release();
    }
    if (next === undefined) ends.get(orderId)?.();
  };
  const runner = await runWorker({
    connectionString: pair.urlOf('source'),
    schema: 'chain_worker',
    concurrency: 24,
    noHandleSignals: true,
    logger: new Logger(() => () => {}),
    taskList: { one: step('one', 'two'), two: step('two', 'three'), three: step('three', undefined) },
    preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  });
  return {
    async runOne(orderId) {
      const ended = new Promise<void>((resolve) => ends.set(orderId, resolve));
      await pool.query('select chain_worker.add_job($1, $2::json)', ['one', { orderId }]);
      await ended;
      ends.delete(orderId);
    },
    async stop() {
      await runner.stop();
      await pool.end();
    },
  };
}

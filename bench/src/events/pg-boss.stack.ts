import pg from 'pg';
import { PgBoss } from 'pg-boss';
import type { CpuMeter } from './cpu-meter.ts';
import { drive, Effects, type Payload } from './driver.ts';
import { inTransaction, type PostgresPair } from './postgres-pair.ts';
import type { EventStack } from './stack.ts';

/** `bulk`: jobs sent a hundred at a time, taken five hundred at a time, one set-based effect for each batch. Otherwise job by job, as its manual shows. */
export async function startPgBoss(pair: PostgresPair, meter: CpuMeter, bulk: boolean): Promise<EventStack> {
  const boss = new PgBoss({ connectionString: pair.urlOf('source'), useListenNotify: true });
  boss.on('error', () => {});
  await boss.start();
  const queue = bulk ? 'bulk' : 'single';
  await boss.createQueue(queue, { notify: true });
  const source = new pg.Pool({ connectionString: pair.urlOf('source'), max: 16 });
  const target = new pg.Pool({ connectionString: pair.urlOf('target'), max: 8 });
  const effects = new Effects();
  const settings = { batchSize: bulk ? 500 : 16, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true };
  await boss.work<Payload>(queue, settings, async (jobs) => {
    if (bulk) {
      await target.query('insert into ledger (data) select unnest($1::json[])', [
        jobs.map(({ data }) => JSON.stringify(data)),
      ]);
    } else {
      await Promise.all(
        jobs.map(({ data }) => target.query('insert into ledger (data) values ($1)', [data])),
      );
    }
    for (const { data } of jobs) effects.happened(data.sentAt);
  });
  return {
    run: (load) =>
      drive(bulk ? { ...load, eventsPerTransaction: 100 } : load, {
        effects,
        meter,
        send: (events) =>
          inTransaction(source, async (client) => {
            const db = { executeSql: (text: string, values: unknown[] = []) => client.query(text, values) };
            await client.query('insert into orders (data) values ($1)', [events[0]]);
            if (bulk)
              await boss.insert(
                queue,
                events.map((data) => ({ data })),
                { db },
              );
            else for (const event of events) await boss.send(queue, event, { db });
          }),
      }),
    async stop() {
      await boss.stop({ graceful: false });
      await Promise.all([source.end(), target.end()]);
    },
  };
}

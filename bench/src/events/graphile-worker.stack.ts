import { Logger, type RunnerOptions, run as runWorker } from 'graphile-worker';
import pg from 'pg';
import type { CpuMeter } from './cpu-meter.ts';
import { drive, Effects, type Payload } from './driver.ts';
import { inTransaction, type PostgresPair } from './postgres-pair.ts';
import type { EventStack } from './stack.ts';

/** `tuned`: a local queue of 500, completions gathered, jobs added a hundred at a time, and the tables analysed. */
export async function startGraphileWorker(
  pair: PostgresPair,
  meter: CpuMeter,
  tuned: boolean,
): Promise<EventStack> {
  const schema = tuned ? 'worker_tuned' : 'worker_single';
  const source = new pg.Pool({ connectionString: pair.urlOf('source'), max: 16 });
  const target = new pg.Pool({ connectionString: pair.urlOf('target'), max: 16 });
  const effects = new Effects();
  const options: RunnerOptions = {
    connectionString: pair.urlOf('source'),
    schema,
    concurrency: tuned ? 24 : 16,
    noHandleSignals: true,
    logger: new Logger(() => () => {}),
    taskList: {
      async effect(payload) {
        const data = payload as Payload;
        await target.query('insert into ledger (data) values ($1)', [data]);
        effects.happened(data.sentAt);
      },
    },
    ...(tuned
      ? { preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } } }
      : undefined),
  };
  const runner = await runWorker(options);
  return {
    async run(load) {
      await source.query('analyze');
      return drive(tuned ? { ...load, eventsPerTransaction: 100 } : load, {
        effects,
        meter,
        send: (events) =>
          inTransaction(source, async (client) => {
            await client.query('insert into orders (data) values ($1)', [events[0]]);
            if (tuned) {
              const jobs = events.map((payload) => ({ identifier: 'effect', payload }));
              await client.query(
                `select 1 from ${schema}.add_jobs((select array_agg(j) from json_populate_recordset(null::${schema}.job_spec, $1::json) j))`,
                [JSON.stringify(jobs)],
              );
            } else {
              for (const event of events)
                await client.query(`select ${schema}.add_job('effect', $1::json)`, [event]);
            }
          }),
      });
    },
    async stop() {
      await runner.stop();
      await Promise.all([source.end(), target.end()]);
    },
  };
}

import { Queue, Worker } from 'bullmq';
import type { CpuMeter } from './cpu-meter.ts';
import { drive, Effects, type Payload } from './driver.ts';
import type { RedisServer } from './redis-server.ts';
import type { EventStack } from './stack.ts';

/** BullMQ on a Redis that flushes before it answers. Its handler does nothing, and its job belongs to no transaction. */
export async function startBullMq(redis: RedisServer, meter: CpuMeter): Promise<EventStack> {
  const connection = { host: '127.0.0.1', port: redis.port, maxRetriesPerRequest: null };
  const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } });
  const effects = new Effects();
  const worker = new Worker<Payload>('bench', async ({ data }) => effects.happened(data.sentAt), {
    connection,
    concurrency: 64,
  });
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  return {
    run: (load) =>
      drive(
        { ...load, concurrency: 64 },
        {
          effects,
          meter,
          async send(events) {
            await Promise.all(events.map((event) => queue.add('job', event)));
          },
        },
      ),
    async stop() {
      await worker.close();
      await queue.close();
    },
  };
}

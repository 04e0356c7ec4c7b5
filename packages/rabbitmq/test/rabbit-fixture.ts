import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '@banyan/core';
import type { EventLog } from '@banyan/events';
import { createRabbitEventLog } from '@banyan/rabbitmq';
import { connect } from 'amqplib';

export type RabbitMode = 'streams' | 'queues';

export const partitions = 4;

/** A log of the test's own on a server, and an end that leaves nothing there. */
export interface RabbitFixture {
  readonly url: string;
  readonly name: string;
  /** Another handle, which `close` closes. */
  open(url?: string, clock?: Clock): Promise<EventLog>;
  /** Puts bytes in a partition past the log. */
  publishRaw(topic: string, partition: number, text: string): Promise<void>;
  close(): Promise<void>;
}

export function createRabbitFixture(serverUrl: string, mode: RabbitMode): RabbitFixture {
  const name = `test-${randomUUID().slice(0, 13)}`;
  const url = withSettings(serverUrl, { name, mode, partitions: String(partitions) });
  const logs: EventLog[] = [];
  const groups = new Set<string>();
  const work = <Result>(run: (channel: Awaited<ReturnType<typeof openChannel>>) => Promise<Result>) =>
    withChannel(serverUrl, run);
  return {
    url,
    name,
    async open(at = url, clock = systemClock) {
      const log = await createRabbitEventLog({ url: at, clock });
      logs.push(log);
      return noting(log, groups);
    },
    publishRaw: (topic, partition, text) =>
      work(async (channel) => {
        const [exchange, key] = mode === 'streams' ? ['', `${name}.${partition}`] : [name, String(partition)];
        channel.publish(exchange, key, Buffer.from(text), { persistent: true, type: topic });
        await channel.waitForConfirms();
      }),
    async close() {
      await Promise.all(logs.map((log) => log.close()));
      await work(async (channel) => {
        const queues = [`${name}.settings`];
        for (let partition = 0; partition < partitions; partition += 1) {
          queues.push(`${name}.${partition}`);
          for (const group of groups) queues.push(`${name}.${group}.${partition}`);
        }
        for (const queue of queues) await channel.deleteQueue(queue);
        await channel.deleteExchange(name);
      });
    },
  };
}

export function withSettings(serverUrl: string, settings: Readonly<Record<string, string>>): string {
  const url = new URL(serverUrl);
  for (const [key, value] of Object.entries(settings)) url.searchParams.set(key, value);
  return url.href;
}

export async function withChannel<Result>(
  serverUrl: string,
  run: (channel: Awaited<ReturnType<typeof openChannel>>) => Promise<Result>,
): Promise<Result> {
  const model = await connect(serverUrl);
  try {
    return await run(await openChannel(model));
  } finally {
    await model.close();
  }
}

function openChannel(model: Awaited<ReturnType<typeof connect>>) {
  return model.createConfirmChannel();
}

/** The log, with the groups that it makes queues for written down. */
function noting(log: EventLog, groups: Set<string>): EventLog {
  return {
    id: log.id,
    partitions: log.partitions,
    features: log.features,
    publish: (events) => log.publish(events),
    open(request) {
      groups.add(request.group);
      return log.open(request);
    },
    lag: (request) => log.lag(request),
    prune: (olderThanMs) => log.prune(olderThanMs),
    close: () => log.close(),
  };
}

import type { Channel, ChannelModel } from 'amqplib';
import type { RabbitSettings } from './rabbit-url.ts';

/** What the log is called in RabbitMQ. */
export function streamOf({ name }: RabbitSettings, partition: number): string {
  return `${name}.${partition}`;
}

export function queueOf({ name }: RabbitSettings, group: string, partition: number): string {
  return `${name}.${group}.${partition}`;
}

/** The exchange of the mode `queues`; streams are reached by their names. */
export function exchangeOf({ name }: RabbitSettings): string {
  return name;
}

const neverDropped = {
  // RabbitMQ 4 drops a message after 20 deliveries unless told otherwise, and every broken connection is one. Poison is the inbox's business.
  'x-delivery-limit': 1_000_000_000,
  // If a policy limits the length, refuse what is new: the outbox keeps it. The default throws away what is old.
  'x-overflow': 'reject-publish',
};

/**
 * Declares what publishers need, and refuses a log that stands there with another number of partitions or in another mode: its events would go
 * where nobody reads.
 */
export async function declareLog(model: ChannelModel, settings: RabbitSettings): Promise<void> {
  const { mode, name, partitions } = settings;
  await onChannel(model, (channel) => channel.assertQueue(`${name}.settings`, settingsQueue(settings)));
  if (mode === 'queues') {
    const exchange = exchangeOf(settings);
    await onChannel(model, (channel) => channel.assertExchange(exchange, 'direct', { durable: true }));
    return;
  }
  for (let partition = 0; partition < partitions; partition += 1) {
    await declareStream(model, settings, streamOf(settings, partition));
  }
}

/**
 * A queue that never holds anything. RabbitMQ compares the arguments of every declaration with those of the first, atomically and on all nodes,
 * which makes its limits the place to keep the two settings that all processes must share.
 */
function settingsQueue({ mode, partitions }: RabbitSettings) {
  return {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-max-length': partitions,
      'x-max-length-bytes': mode === 'streams' ? 1 : 2,
    },
  };
}

/** A stream that exists is taken as it is, so that operators may make it with segment sizes, ages and replicas of their own. */
async function declareStream(model: ChannelModel, settings: RabbitSettings, stream: string): Promise<void> {
  try {
    await onChannel(model, (channel) => channel.checkQueue(stream));
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 404) throw error;
    const { maxAge } = settings;
    const kept = maxAge === undefined ? {} : { 'x-max-age': maxAge };
    await onChannel(model, (channel) =>
      channel.assertQueue(stream, { durable: true, arguments: { 'x-queue-type': 'stream', ...kept } }),
    );
  }
}

/** Makes a group's queue, from which moment it gets what is published to the partition. */
export async function declareGroupQueue(
  channel: Channel,
  settings: RabbitSettings,
  group: string,
  partition: number,
): Promise<string> {
  const queue = queueOf(settings, group, partition);
  await channel.assertQueue(queue, {
    durable: true,
    // One consumer at a time, so that order holds while a group changes its reader.
    arguments: { 'x-queue-type': 'quorum', 'x-single-active-consumer': true, ...neverDropped },
  });
  await channel.bindQueue(queue, exchangeOf(settings), String(partition));
  return queue;
}

/** A channel for one purpose: RabbitMQ answers a request that it refuses by closing the channel. */
export async function onChannel<Result>(
  model: ChannelModel,
  work: (channel: Channel) => Promise<Result>,
): Promise<Result> {
  const channel = await model.createChannel();
  // The request itself rejects with the same error.
  channel.on('error', () => {});
  const result = await work(channel);
  await channel.close();
  return result;
}

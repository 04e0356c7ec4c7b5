import type { Channel, ChannelModel } from 'amqplib';
import type { Delivery } from './buffered-reader.ts';
import type { DeliveryQueue } from './delivery-queue.ts';
import { rabbitError, toRabbitError } from './errors.ts';

/** A channel whose end, by whomever, is a failure of the reader that it belongs to. */
export async function openReadingChannel(
  model: ChannelModel,
  deliveries: DeliveryQueue<Delivery>,
): Promise<Channel> {
  const channel = await model.createChannel();
  channel.on('error', (error) => deliveries.fail(toRabbitError(error)));
  channel.on('close', () => deliveries.fail(rabbitError('rabbit_unavailable')));
  return channel;
}

/** Begins to take what RabbitMQ gives of a queue or stream. */
export async function consumeInto(
  deliveries: DeliveryQueue<Delivery>,
  channel: Channel,
  source: {
    readonly queue: string;
    readonly partition: number;
    readonly arguments?: Record<string, unknown>;
  },
): Promise<void> {
  const { queue, partition } = source;
  await channel.consume(
    queue,
    (message) => {
      if (message !== null) deliveries.push({ partition, message });
      else deliveries.fail(rabbitError('rabbit_unavailable', { message: `RabbitMQ has ended ${queue}.` }));
    },
    { arguments: source.arguments },
  );
}

/** Closes a channel that may be closed or stalled already. Never rejects, and waits for the broker at most as long as the connection lives. */
export async function closeQuietly(channel: Channel): Promise<void> {
  try {
    await channel.close();
  } catch {
    // It is closed, which is what was asked for.
  }
}

/** The client throws on a channel that has ended; what was not acknowledged comes again, so nothing is lost by not telling. */
export function ackUpTo(channel: Channel, message: Parameters<Channel['ack']>[0]): void {
  try {
    channel.ack(message, true);
  } catch {
    // The reader learns of the end of its channel by the channel's own event.
  }
}

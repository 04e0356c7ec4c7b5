import { randomUUID } from 'node:crypto';
import { type Clock, ServiceError } from '@banyan/core';
import {
  eventsErrors,
  type LogPosition,
  type LogReader,
  type ReadRequest,
  type StartAt,
} from '@banyan/events';
import type { Channel, ChannelModel } from 'amqplib';
import { createBufferedReader, type Delivery, type DeliverySource } from './buffered-reader.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { ackUpTo, closeQuietly, consumeInto, openReadingChannel } from './reading-channel.ts';
import { closeTimeoutMs, type ReaderOptions, readAheadOf } from './stream-reader.ts';
import { declareGroupQueue } from './topology.ts';
import { within } from './within.ts';

/** A reader of queues, and how much it holds. */
export interface QueueReader extends LogReader {
  readonly group: string;
  /** What RabbitMQ has given this reader of a partition and was not told to forget. */
  uncommitted(partition: number): number;
}

/**
 * Reads a group's queues, each on a channel of its own, so that one acknowledgement covers everything up to a place.
 * @throws ServiceError `failed_precondition` `not_supported` for a start that needs what is not kept
 */
export async function openQueueReader(options: ReaderOptions, request: ReadRequest): Promise<QueueReader> {
  const { link, settings, clock } = options;
  const { group, from } = request;
  for (const start of from.values()) refuseReplay(start);
  const deliveries = new DeliveryQueue<Delivery>(clock);
  const channels = new Map<number, Channel>();
  const source = new QueueSource(deliveries, channels, clock);
  const consumeAll = async (model: ChannelModel) => {
    for (const partition of from.keys()) {
      const channel = await openReadingChannel(model, deliveries);
      channels.set(partition, channel);
      await channel.prefetch(readAheadOf(from.size));
      const queue = await declareGroupQueue(channel, settings, group, partition);
      await consumeInto(deliveries, channel, { queue, partition });
    }
  };
  try {
    await link.run(consumeAll);
  } catch (error) {
    // A consumer left behind would keep what it was given from the next one.
    await source.close();
    throw error;
  }
  return {
    ...createBufferedReader(source, request.topics, clock),
    group,
    uncommitted: (partition) => source.uncommitted(partition),
  };
}

/**
 * `end` is where the group's queue stands: behind what was there before the group's first `open`. A position is taken for the same place: what the group
 * has committed RabbitMQ has forgotten, and what it has not committed comes again, whatever position the group may have stored.
 */
function refuseReplay(start: StartAt): void {
  if (start === 'end' || (typeof start === 'object' && 'position' in start && isPosition(start.position)))
    return;
  const { code, text } = eventsErrors.not_supported;
  const wayOut = 'RabbitMQ forgets what a queue has given out; `mode=streams` in the URL keeps it.';
  throw new ServiceError(`${text} ${wayOut}`, { code, reason: 'not_supported' });
}

function isPosition(text: string): boolean {
  return /^[0-9a-f-]{36}:\d{1,15}$/.test(text);
}

class QueueSource implements DeliverySource {
  readonly #channels: ReadonlyMap<number, Channel>;
  readonly #clock: Clock;
  /** Delivery tags mean nothing outside of their channel: a position of another reader must not acknowledge anything here. */
  readonly #session = randomUUID();
  readonly #committed = new Map<number, number>();
  readonly #taken = new Map<number, number>();
  readonly deliveries: DeliveryQueue<Delivery>;

  constructor(deliveries: DeliveryQueue<Delivery>, channels: ReadonlyMap<number, Channel>, clock: Clock) {
    this.deliveries = deliveries;
    this.#channels = channels;
    this.#clock = clock;
  }

  placeOf({ partition, message }: Delivery): LogPosition {
    this.#taken.set(partition, message.fields.deliveryTag);
    return `${this.#session}:${message.fields.deliveryTag}`;
  }

  isWanted(): boolean {
    return true;
  }

  onTaken(): void {}

  check(): undefined {}

  commit(positions: ReadonlyMap<number, LogPosition>): void {
    for (const [partition, position] of positions) {
      const [session, text] = position.split(':');
      const deliveryTag = Number(text);
      const channel = this.#channels.get(partition);
      if (session !== this.#session || channel === undefined) continue;
      if (deliveryTag <= (this.#committed.get(partition) ?? 0)) continue;
      this.#committed.set(partition, deliveryTag);
      ackUpTo(channel, { fields: { deliveryTag } } as Parameters<Channel['ack']>[0]);
    }
  }

  uncommitted(partition: number): number {
    const taken = (this.#taken.get(partition) ?? 0) - (this.#committed.get(partition) ?? 0);
    return taken + this.deliveries.count((delivery) => delivery.partition === partition);
  }

  async close(): Promise<void> {
    const closing = Promise.all([...this.#channels.values()].map(closeQuietly));
    await within(closing, closeTimeoutMs, this.#clock);
  }
}

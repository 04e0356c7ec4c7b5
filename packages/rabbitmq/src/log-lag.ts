import type { Clock } from '@banyan/core';
import type { ReadRequest, StartAt } from '@banyan/events';
import type { ChannelModel } from 'amqplib';
import type { QueueReader } from './queue-reader.ts';
import type { RabbitSettings } from './rabbit-url.ts';
import { readOffset, readStreamBounds, type StreamBounds } from './stream-bounds.ts';
import { StreamCursor } from './stream-cursor.ts';
import { onChannel, queueOf, streamOf } from './topology.ts';

/** Records behind the places, of all topics. */
export async function streamLag(
  model: ChannelModel,
  { settings, clock }: { readonly settings: RabbitSettings; readonly clock: Clock },
  request: ReadRequest,
): Promise<number> {
  const lags = [...request.from].map(async ([partition, start]) => {
    if (start === 'end') return 0;
    const stream = streamOf(settings, partition);
    const bounds = await readStreamBounds(model, stream, clock);
    if (bounds === undefined) return 0;
    const next = await nextOffset(start, bounds, (at) => readOffset(model, stream, { at, clock }));
    return Math.max(0, bounds.end - Math.max(bounds.first, next));
  });
  return (await Promise.all(lags)).reduce((sum, lag) => sum + lag, 0);
}

async function nextOffset(
  start: StartAt,
  { first, end }: StreamBounds,
  find: (at: StreamCursor['offset']) => Promise<number | undefined>,
): Promise<number> {
  if (start === 'start') return first;
  const { offset, proof } = new StreamCursor(start);
  if (proof !== undefined) return proof.offset + 1;
  return (await find(offset)) ?? end;
}

/** Messages in the group's queues, and what this process's readers hold of them; what another process's reader holds RabbitMQ does not tell. */
export async function queueLag(
  model: ChannelModel,
  { settings, readers }: { readonly settings: RabbitSettings; readonly readers: Iterable<QueueReader> },
  { group, from }: ReadRequest,
): Promise<number> {
  const own = [...readers].filter((reader) => reader.group === group);
  const lags = [...from.keys()].map(async (partition) => {
    const held = own.reduce((sum, reader) => sum + reader.uncommitted(partition), 0);
    return held + (await countReady(model, queueOf(settings, group, partition)));
  });
  return (await Promise.all(lags)).reduce((sum, lag) => sum + lag, 0);
}

/** A group that was never opened has no queue, and nothing waits for it. */
async function countReady(model: ChannelModel, queue: string): Promise<number> {
  try {
    return (await onChannel(model, (channel) => channel.checkQueue(queue))).messageCount;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 404) return 0;
    throw error;
  }
}

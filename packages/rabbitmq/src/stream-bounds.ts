import type { Clock } from '@banyan/core';
import type { Channel, ChannelModel } from 'amqplib';
import { rabbitError } from './errors.ts';
import type { StreamOffset } from './stream-cursor.ts';
import { onChannel } from './topology.ts';

export interface StreamBounds {
  /** Offset of the oldest record kept. */
  readonly first: number;
  /** The offset behind the newest record, up to a few seconds ago: RabbitMQ counts late. */
  readonly end: number;
}

/** A stream that answers does so within a few milliseconds; an empty one never does. */
const emptyAfterMs = 200;
const answerTimeoutMs = 5_000;

/**
 * Where a stream begins and ends, found with the means of AMQP 0-9-1: the first record, the first one of the newest chunk, and the number of records.
 * Undefined if it is empty.
 * @throws ServiceError `unavailable` if it is not empty and gives nothing
 */
export async function readStreamBounds(
  model: ChannelModel,
  stream: string,
  clock: Clock,
): Promise<StreamBounds | undefined> {
  const first = await readOffset(model, stream, { at: 'first', clock });
  if (first === undefined) return undefined;
  const chunk = (await readOffset(model, stream, { at: 'last', clock })) ?? first;
  const count = await onChannel(model, (channel) => countRecords(channel, stream));
  return { first, end: Math.max(chunk + 1, first + count) };
}

export interface ProbeOptions {
  readonly at: StreamOffset;
  readonly clock: Clock;
}

/** The offset of the first record from a place on, or undefined if there is none yet. */
export function readOffset(
  model: ChannelModel,
  stream: string,
  { at, clock }: ProbeOptions,
): Promise<number | undefined> {
  return onChannel(model, async (channel) => {
    const count = await countRecords(channel, stream);
    await channel.prefetch(1);
    let finish: (offset: number | undefined) => void = () => {};
    const found = new Promise<number | undefined>((resolve) => {
      finish = resolve;
    });
    channel.on('close', () => finish(undefined));
    const args = { arguments: { 'x-stream-offset': at } };
    await channel.consume(
      stream,
      (message) => finish(message?.properties.headers?.['x-stream-offset']),
      args,
    );
    const mustAnswer = count > 0 && (at === 'first' || at === 'last');
    let isLate = false;
    const cancel = clock.setTimer(
      () => {
        isLate = true;
        finish(undefined);
      },
      mustAnswer ? answerTimeoutMs : emptyAfterMs,
    );
    const offset = await found;
    cancel();
    if (isLate && mustAnswer) {
      throw rabbitError('rabbit_unavailable', { message: `Stream ${stream} gives no records.` });
    }
    return offset;
  });
}

async function countRecords(channel: Channel, stream: string): Promise<number> {
  return (await channel.checkQueue(stream)).messageCount;
}

import type { Clock } from '@banyan/core';
import type { CloudEvent, LogPosition, LogReader, ReadRequest } from '@banyan/events';
import type { Channel, ChannelModel } from 'amqplib';
import type { BrokerLink } from './broker-link.ts';
import { createBufferedReader, type Delivery, type DeliverySource } from './buffered-reader.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { rabbitError, rabbitErrors } from './errors.ts';
import type { RabbitSettings } from './rabbit-url.ts';
import { ackUpTo, closeQuietly, consumeInto, openReadingChannel } from './reading-channel.ts';
import { readOffset, readStreamBounds } from './stream-bounds.ts';
import { positionLost, StreamCursor } from './stream-cursor.ts';
import { streamOf } from './topology.ts';
import { within } from './within.ts';

export interface ReaderOptions {
  readonly link: BrokerLink;
  readonly settings: RabbitSettings;
  readonly clock: Clock;
}

export const closeTimeoutMs = 2_000;

/** Messages that RabbitMQ may send ahead, over all partitions of a reader. */
const readAhead = 2_000;
const minReadAheadEach = 50;

export function readAheadOf(partitions: number): number {
  return Math.max(minReadAheadEach, Math.ceil(readAhead / Math.max(1, partitions)));
}

/** Reads streams on one channel with a consumer for each partition, so that one acknowledgement gives all of them their credit back. */
export async function openStreamReader(options: ReaderOptions, request: ReadRequest): Promise<LogReader> {
  const cursors = new Map<number, StreamCursor>();
  for (const [partition, start] of request.from) cursors.set(partition, new StreamCursor(start));
  const deliveries = new DeliveryQueue<Delivery>(options.clock);
  const channel = await options.link.run((model) => openReadingChannel(model, deliveries));
  const source = new StreamSource(options, { cursors, deliveries, channel });
  try {
    await options.link.run(() => consumeAll(options, channel, { cursors, deliveries }));
  } catch (error) {
    await source.close();
    throw error;
  }
  return createBufferedReader(source, request.topics, options.clock);
}

async function consumeAll(
  { settings }: ReaderOptions,
  channel: Channel,
  { cursors, deliveries }: StreamParts,
): Promise<void> {
  await channel.prefetch(readAheadOf(cursors.size));
  for (const [partition, cursor] of cursors) {
    const queue = streamOf(settings, partition);
    const from = { 'x-stream-offset': cursor.offset };
    await consumeInto(deliveries, channel, { queue, partition, arguments: from }).catch(throwNotYetServed);
  }
}

/**
 * RabbitMQ answers PRECONDITION_FAILED to a consumer that comes while the node's replica of a stream is not running, as after a crash. Elsewhere that reply
 * means what repeating does not mend.
 */
function throwNotYetServed(error: unknown): never {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (code !== 406) throw error;
  throw rabbitError('rabbit_unavailable', {
    message: `${rabbitErrors.rabbit_unavailable.text} (${message})`,
    cause: error,
  });
}

interface StreamParts {
  readonly cursors: ReadonlyMap<number, StreamCursor>;
  readonly deliveries: DeliveryQueue<Delivery>;
}

/** How long a place may stay unseen before somebody looks whether it still exists; longer than RabbitMQ takes to count. */
const proofTimeoutMs = 10_000;

class StreamSource implements DeliverySource {
  readonly #options: ReaderOptions;
  readonly #cursors: ReadonlyMap<number, StreamCursor>;
  readonly #channel: Channel;
  readonly deliveries: DeliveryQueue<Delivery>;
  #checkAtMs: number;

  constructor(options: ReaderOptions, parts: StreamParts & { readonly channel: Channel }) {
    this.#options = options;
    this.#cursors = parts.cursors;
    this.#channel = parts.channel;
    this.deliveries = parts.deliveries;
    this.#checkAtMs = options.clock.nowMs() + proofTimeoutMs;
  }

  placeOf(delivery: Delivery): Promise<LogPosition | undefined> | LogPosition | undefined {
    const { partition } = delivery;
    const cursor = this.#cursorOf(partition);
    const record = recordOf(delivery, streamOf(this.#options.settings, partition));
    const verdict = cursor.judge(record);
    if (verdict === 'take') return cursor.pass(record);
    if (verdict === 'skip') return undefined;
    const missing = (cursor.lastOffset ?? cursor.proof?.offset ?? 0) + 1;
    if (verdict === 'lost') throw this.#lost(partition, missing);
    return this.#isKept(partition, missing).then((isKept) => {
      if (!isKept) throw this.#lost(partition, missing);
      return cursor.pass(record);
    });
  }

  isWanted(partition: number, event: CloudEvent): boolean {
    return this.#cursorOf(partition).isWanted(event);
  }

  onTaken({ message }: Delivery): void {
    ackUpTo(this.#channel, message);
  }

  check(): Promise<void> | undefined {
    const { clock } = this.#options;
    if (clock.nowMs() < this.#checkAtMs) return undefined;
    this.#checkAtMs = clock.nowMs() + proofTimeoutMs;
    const unproven = [...this.#cursors].filter(([, { proof }]) => proof !== undefined);
    return unproven.length === 0 ? undefined : this.#findPlaces(unproven);
  }

  /** A log keeps no places for its groups. */
  commit(): void {}

  async close(): Promise<void> {
    await within(closeQuietly(this.#channel), closeTimeoutMs, this.#options.clock);
  }

  async #findPlaces(unproven: readonly [number, StreamCursor][]): Promise<void> {
    for (const [partition, { proof }] of unproven) {
      const bounds = await this.#ask((model, stream) => {
        return readStreamBounds(model, stream, this.#options.clock);
      }, partition);
      if (proof !== undefined && (bounds?.end ?? 0) <= proof.offset)
        throw this.#lost(partition, proof.offset);
    }
  }

  async #isKept(partition: number, offset: number): Promise<boolean> {
    const { clock } = this.#options;
    const first = await this.#ask(
      (model, stream) => readOffset(model, stream, { at: 'first', clock }),
      partition,
    );
    return first !== undefined && first <= offset;
  }

  #ask<Answer>(
    ask: (model: ChannelModel, stream: string) => Promise<Answer>,
    partition: number,
  ): Promise<Answer> {
    const { link, settings } = this.#options;
    return link.run((model) => ask(model, streamOf(settings, partition)));
  }

  #cursorOf(partition: number): StreamCursor {
    const cursor = this.#cursors.get(partition);
    if (cursor === undefined) throw new TypeError(`partition ${partition} is not read`);
    return cursor;
  }

  #lost(partition: number, offset: number): Error {
    return positionLost(
      `Stream ${streamOf(this.#options.settings, partition)} has no offset ${offset} of this log.`,
    );
  }
}

function recordOf({ message }: Delivery, stream: string) {
  const { headers, messageId } = message.properties;
  const offset: unknown = headers?.['x-stream-offset'];
  if (typeof offset !== 'number') {
    throw rabbitError('rabbit_unfit', { message: `${stream} is a queue in RabbitMQ, and no stream.` });
  }
  return { offset, id: typeof messageId === 'string' ? messageId : '' };
}

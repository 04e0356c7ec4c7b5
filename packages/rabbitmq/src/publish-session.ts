import type { Clock } from '@banyan/core';
import { type EncodedEvent, partitionOf } from '@banyan/events';
import type { ConfirmChannel, Message } from 'amqplib';
import { rabbitError, toRabbitError } from './errors.ts';

/** Where the events of a partition go, and how. */
export interface PublishRoute {
  readonly partitions: number;
  readonly exchange: string;
  readonly routingKey: (partition: number) => string;
  /** Over how many channels the partitions are shared out. */
  readonly channels: number;
  /** A message that reaches no queue is a failure. */
  readonly isMandatory: boolean;
  /** The broker may refuse one event and take the next: then an event waits for the confirm of the earlier one of its key. */
  readonly isRefusing: boolean;
}

/**
 * Publishes until something fails, each partition on one channel. One failure ends it for all: what was sent is then in doubt, and nothing may be sent that an event
 * in doubt should precede.
 */
export interface PublishSession {
  readonly isOver: boolean;
  /** @throws ServiceError `unavailable` within `timeoutMs` */
  publish(events: readonly EncodedEvent[], timeoutMs: number): Promise<void>;
  fail(error: unknown): void;
}

export interface PublishSessionOptions {
  readonly route: PublishRoute;
  readonly clock: Clock;
  /** Called once, when the session has failed. */
  readonly onOver: () => void;
}

/** @param channels as many as the route asks for, of one connection */
export function createPublishSession(
  channels: readonly ConfirmChannel[],
  options: PublishSessionOptions,
): PublishSession {
  return new ConfirmedChannels(channels, options);
}

/** Enough to keep RabbitMQ busy; more would only wait in its buffers and in doubt. */
const maxUnconfirmed = 2_000;
const maxUnconfirmedBytes = 8 * 1024 * 1024;

interface Batch {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  left: number;
}

interface Entry {
  readonly batch: Batch;
  readonly event: EncodedEvent;
  /** May be sent once this one is confirmed. */
  successor: Entry | undefined;
}

class ConfirmedChannels implements PublishSession {
  readonly #channels: readonly ConfirmChannel[];
  readonly #options: PublishSessionOptions;
  readonly #batches = new Set<Batch>();
  #ready: Entry[] = [];
  #readyFrom = 0;
  #unconfirmed = 0;
  #unconfirmedBytes = 0;
  isOver = false;

  constructor(channels: readonly ConfirmChannel[], options: PublishSessionOptions) {
    this.#channels = channels;
    this.#options = options;
    for (const channel of channels) {
      channel.on('error', (error) => this.fail(error));
      channel.on('close', () => this.fail(undefined));
      channel.on('return', (message) => this.#takeBack(message));
    }
  }

  publish(events: readonly EncodedEvent[], timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.setTimer(() => this.fail(undefined), timeoutMs);
      const batch: Batch = {
        left: events.length,
        resolve: () => {
          cancel();
          this.#batches.delete(batch);
          resolve();
        },
        reject: (error) => {
          cancel();
          reject(error);
        },
      };
      this.#batches.add(batch);
      this.#enqueue(batch, events);
      this.#sendReady();
    });
  }

  fail(error: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#ready = [];
    for (const { reject } of this.#batches) reject(toRabbitError(error));
    this.#options.onOver();
  }

  #enqueue(batch: Batch, events: readonly EncodedEvent[]): void {
    const latest = new Map<string, Entry>();
    for (const event of events) {
      const entry: Entry = { batch, event, successor: undefined };
      const earlier = this.#options.route.isRefusing ? latest.get(event.key) : undefined;
      if (earlier === undefined) this.#ready.push(entry);
      else earlier.successor = entry;
      latest.set(event.key, entry);
    }
  }

  #sendReady(): void {
    try {
      while (this.#unconfirmed < maxUnconfirmed && this.#unconfirmedBytes < maxUnconfirmedBytes) {
        const entry = this.#ready[this.#readyFrom];
        if (entry === undefined) break;
        this.#readyFrom += 1;
        this.#send(entry);
      }
    } catch (error) {
      // The client throws on a channel that is closing.
      this.fail(error);
    }
    if (this.#readyFrom < this.#ready.length) return;
    this.#ready = [];
    this.#readyFrom = 0;
  }

  #send(entry: Entry): void {
    const { event } = entry;
    const { route } = this.#options;
    const body = Buffer.from(event.text);
    this.#unconfirmed += 1;
    this.#unconfirmedBytes += body.length;
    const properties = {
      persistent: true,
      mandatory: route.isMandatory,
      contentType: 'application/cloudevents+json',
      messageId: event.id,
      type: event.topic,
    };
    const partition = partitionOf(event.key, route.partitions);
    const channel = this.#channels[partition % this.#channels.length];
    channel?.publish(route.exchange, route.routingKey(partition), body, properties, (error) => {
      if (this.isOver) return;
      this.#unconfirmed -= 1;
      this.#unconfirmedBytes -= body.length;
      if (error) this.fail(rabbitError('rabbit_refused', { cause: error }));
      else this.#confirm(entry);
    });
  }

  #confirm({ batch, successor }: Entry): void {
    if (successor !== undefined) this.#ready.push(successor);
    batch.left -= 1;
    if (batch.left === 0) batch.resolve();
    this.#sendReady();
  }

  /** Comes before the confirm of the same message, which says only that the broker is done with it. */
  #takeBack({ fields, properties }: Message): void {
    const message = `RabbitMQ has no queue for event ${properties.messageId} (${fields.routingKey}).`;
    this.fail(rabbitError('rabbit_refused', { message }));
  }
}

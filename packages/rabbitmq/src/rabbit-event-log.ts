import { type Clock, type Logger, silentLogger, systemClock } from '@banyan/core';
import type { EncodedEvent, EventLog, LogFeatures, LogReader, ReadRequest } from '@banyan/events';
import type { ChannelModel } from 'amqplib';
import { type BrokerLink, createBrokerLink } from './broker-link.ts';
import { rabbitError } from './errors.ts';
import { queueLag, streamLag } from './log-lag.ts';
import type { PublishRoute } from './publish-session.ts';
import { createPublisher, type Publisher } from './publisher.ts';
import { openQueueReader, type QueueReader } from './queue-reader.ts';
import { parseRabbitUrl, type RabbitSettings } from './rabbit-url.ts';
import { openStreamReader } from './stream-reader.ts';
import { declareLog, exchangeOf, streamOf } from './topology.ts';

export interface RabbitEventLogOptions {
  /**
   * `amqp://user:password@host:5672/vhost`, or `amqps:`, with the settings `name` (default `banyan`), `partitions` (12), `mode` (`streams`, or `queues`) and
   * `maxAge` (such as `30D`; default: events are kept for ever).
   */
  readonly url: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/**
 * Connects, and declares what is not there yet.
 * @throws ServiceError `unavailable`; `permission_denied` `rabbit_denied`; `failed_precondition` `rabbit_unfit` if the log there has another number of
 * partitions or another mode, `rabbit_url_invalid`
 */
export async function createRabbitEventLog(options: RabbitEventLogOptions): Promise<EventLog> {
  const { clock = systemClock, logger = silentLogger } = options;
  const settings = parseRabbitUrl(options.url);
  const link = (purpose: string) =>
    createBrokerLink({
      connection: settings.connection,
      purpose: `${settings.name} ${purpose}`,
      prepare: (model) => declareLog(model, settings),
      clock,
      logger,
    });
  // RabbitMQ stops reading from connections that publish too fast; readers must not wait for that.
  const links = { publishing: link('publisher'), reading: link('reader') };
  const log = new RabbitEventLog({ settings, links, clock });
  await log.connect();
  return log;
}

/** What RabbitMQ takes by default is 16 MiB and more; a server that takes less than this is refused at the start. */
const maxEventBytes = 1024 * 1024;
const publishTimeoutMs = 10_000;

class RabbitEventLog implements EventLog {
  readonly features: LogFeatures;
  readonly partitions: number;
  readonly #settings: RabbitSettings;
  readonly #links: { readonly publishing: BrokerLink; readonly reading: BrokerLink };
  readonly #clock: Clock;
  readonly #publisher: Publisher;
  readonly #readers = new Set<LogReader>();
  readonly #queueReaders = new Set<QueueReader>();
  #id = '';
  #isClosed = false;

  constructor(parts: {
    readonly settings: RabbitSettings;
    readonly links: { readonly publishing: BrokerLink; readonly reading: BrokerLink };
    readonly clock: Clock;
  }) {
    const { settings, links, clock } = parts;
    const isStreams = settings.mode === 'streams';
    this.#settings = settings;
    this.#links = links;
    this.#clock = clock;
    this.partitions = settings.partitions;
    this.features = { replay: isStreams, remembersIdsForMs: 0, flushes: !isStreams, maxEventBytes };
    this.#publisher = createPublisher({
      link: links.publishing,
      route: routeOf(settings),
      maxEventBytes,
      timeoutMs: publishTimeoutMs,
      clock,
    });
  }

  /** The name that a cluster keeps for life, so that another one's positions are not taken for this one's. */
  get id(): string {
    return this.#id;
  }

  async connect(): Promise<void> {
    const { mode, name, connection } = this.#settings;
    try {
      const cluster = await this.#links.publishing.run(async (model) => {
        await checkMaxMessageSize(model, `${name}.nowhere`);
        return model.connection.serverProperties['cluster_name'] ?? connection.hostname;
      });
      this.#id = `rabbitmq:${mode}:${cluster}:${connection.vhost}:${name}`;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async publish(events: readonly EncodedEvent[]): Promise<void> {
    this.#refuseIfClosed();
    await this.#publisher.publish(events);
  }

  async open(request: ReadRequest): Promise<LogReader> {
    this.#refuseIfClosed();
    const options = { link: this.#links.reading, settings: this.#settings, clock: this.#clock };
    if (this.#settings.mode === 'streams') return this.#own(await openStreamReader(options, request));
    const reader = await openQueueReader(options, request);
    this.#queueReaders.add(reader);
    return this.#own(reader, () => this.#queueReaders.delete(reader));
  }

  async lag(request: ReadRequest): Promise<number> {
    this.#refuseIfClosed();
    const settings = this.#settings;
    return this.#links.reading.run((model) =>
      settings.mode === 'streams'
        ? streamLag(model, { settings, clock: this.#clock }, request)
        : queueLag(model, { settings, readers: this.#queueReaders }, request),
    );
  }

  /** RabbitMQ forgets by its own settings: `maxAge`, or a policy. */
  async prune(): Promise<number> {
    this.#refuseIfClosed();
    return 0;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#readers].map((reader) => reader.close()));
    await Promise.all([this.#links.publishing.close(), this.#links.reading.close()]);
  }

  async #own(reader: LogReader, onClose = () => {}): Promise<LogReader> {
    const owned: LogReader = {
      next: (limit, waitMs) => reader.next(limit, waitMs),
      commit: (positions) => reader.commit(positions),
      close: async () => {
        this.#readers.delete(owned);
        await reader.close();
        onClose();
      },
    };
    this.#readers.add(owned);
    // The log may have been closed while the reader was opened.
    if (this.#isClosed) await owned.close();
    return owned;
  }

  #refuseIfClosed(): void {
    if (this.#isClosed) throw rabbitError('rabbit_log_closed');
  }
}

function routeOf(settings: RabbitSettings): PublishRoute {
  const { partitions } = settings;
  return settings.mode === 'streams'
    ? {
        partitions,
        exchange: '',
        routingKey: (partition) => streamOf(settings, partition),
        // When a stream gets another writer, RabbitMQ sends it again what is unconfirmed, under the numbers of the channel. They are those of the stream
        // only if the channel serves no other stream; otherwise the writer takes later events for known ones, and confirms what it has thrown away.
        channels: partitions,
        isMandatory: true,
        isRefusing: false,
      }
    : {
        partitions,
        exchange: exchangeOf(settings),
        routingKey: String,
        channels: 1,
        // A partition without a queue is one that no group has asked for.
        isMandatory: false,
        isRefusing: true,
      };
}

/** Publishes the largest message to nobody: a server that refuses the size closes the channel, and would close it in the middle of a batch. */
async function checkMaxMessageSize(model: ChannelModel, nowhere: string): Promise<void> {
  const channel = await model.createConfirmChannel();
  let refusal: unknown;
  channel.on('error', (error) => {
    refusal = error;
  });
  await new Promise<void>((resolve, reject) => {
    channel.publish('', nowhere, Buffer.alloc(maxEventBytes), {}, (error) => {
      if (error) reject(refusal ?? error);
      else resolve();
    });
  });
  await channel.close();
}

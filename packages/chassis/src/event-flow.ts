import { type Clock, type Logger, toServiceError } from '@banyan/core';
import {
  type Alarm,
  type Consumer,
  type ConsumerStatus,
  createConsumer,
  createOutboxKeeper,
  createRelay,
  type EventLog,
  type Relay,
  type RelayStatus,
} from '@banyan/events';
import type { Metrics } from '@banyan/telemetry';
import { emitAlarm } from './alarm-event.ts';
import type { ServiceStore } from './engines.ts';
import { createBatchHandler } from './event-batch-handler.ts';
import { createEventHandler } from './event-handler.ts';
import { createEventMetrics } from './event-metrics.ts';
import { isFinalError } from './final-errors.ts';
import type { ServiceRuntime } from './handler-context.ts';
import type { Subscription } from './subscriptions.ts';
import type { EventHealth } from './system.ts';

export interface EventFlowOptions {
  readonly service: string;
  /** Stable over restarts, different from every other running instance's. */
  readonly instance: string;
  readonly store: ServiceStore;
  readonly log: EventLog;
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  /** Development: everything is delivered twice, and at random late and out of order across keys. */
  readonly deliverTwice: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface EventFlowStatus {
  readonly relay: RelayStatus;
  /** Undefined for a service that listens to nothing. */
  readonly consumer: ConsumerStatus | undefined;
}

/** What health tells of it. */
export function toEventHealth({ relay, consumer }: EventFlowStatus): EventHealth {
  const failure = consumer?.lastError ?? relay.lastError;
  return {
    onTime: !relay.overdue && consumer?.overdue !== true,
    outboxBacklog: relay.backlog,
    outboxOldestAgeMs: relay.oldestAgeMs,
    consumerLag: consumer?.lag ?? 0,
    consumerBehindMs: consumer?.behindMs ?? 0,
    deadLetters: relay.dead + (consumer?.dead ?? 0),
    ...(failure === undefined ? undefined : { failing: toServiceError(failure).reason }),
  };
}

/** One service's events on their way out and in: its relay, its consumer, and the watch over both. */
export interface EventFlow {
  /** Says that events were committed. Cheap, never throws. */
  poke(): void;
  /** Begins to consume. @throws what the inbox's database throws */
  startConsuming(runtime: ServiceRuntime): Promise<void>;
  stopConsuming(timeoutMs: number): Promise<void>;
  stop(timeoutMs: number): Promise<void>;
  /** @throws ServiceError `unavailable` if the database cannot be asked */
  status(): Promise<EventFlowStatus>;
  /** The standing of a few seconds ago, which costs nothing to ask for; undefined before the first look. */
  readonly lastStatus: EventFlowStatus | undefined;
}

/** How often the standing of relay and consumer becomes metrics. */
const observeIntervalMs = 5_000;

export function startEventFlow(options: EventFlowOptions): EventFlow {
  return new ServiceEventFlow(options);
}

class ServiceEventFlow implements EventFlow {
  readonly #options: EventFlowOptions;
  readonly #relay: Relay;
  readonly #metrics: ReturnType<typeof createEventMetrics>;
  #consumer: Consumer | undefined;
  #cancelObserve = () => {};
  #stopped = false;
  lastStatus: EventFlowStatus | undefined;

  constructor(options: EventFlowOptions) {
    const { store, log, instance, clock, logger, metrics, service } = options;
    this.#options = options;
    this.#metrics = createEventMetrics(metrics, service);
    const { outbox } = store;
    const onAlarm = (alarm: Alarm) => this.#raise(alarm);
    this.#relay = log.features.readsOutboxes
      ? createOutboxKeeper({ outbox, clock, logger })
      : createRelay({ outbox, log, owner: instance, clock, logger, onAlarm });
    this.#relay.start();
    this.#observeLater();
  }

  poke(): void {
    this.#relay.poke();
  }

  async startConsuming(runtime: ServiceRuntime): Promise<void> {
    const { service, instance, store, log, subscriptions, deliverTwice, clock, logger } = this.#options;
    if (subscriptions.size === 0) return;
    const seed = clock.nowMs();
    if (deliverTwice) logger.info('events are delivered twice, and at random late', { seed });
    const batches = createBatchHandler(subscriptions, runtime);
    this.#consumer = createConsumer({
      name: service,
      instance,
      log,
      inbox: store.inbox,
      topics: [...subscriptions.keys()],
      handle: createEventHandler(subscriptions, runtime),
      isFinal: isFinalError,
      handleBatch: (batch) => batches.handle(batch),
      isBatchable: (topic) => batches.isBatchable(topic),
      clock,
      logger,
      onAlarm: (alarm) => this.#raise(alarm),
      ...(deliverTwice ? { deliverTwice: { seed } } : undefined),
    });
    await this.#consumer.start();
    void this.#observe();
  }

  async stopConsuming(timeoutMs: number): Promise<void> {
    await this.#consumer?.stop({ timeoutMs });
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#stopped = true;
    this.#cancelObserve();
    await this.#consumer?.stop({ timeoutMs });
    await this.#relay.stop({ timeoutMs });
    this.#metrics.end();
  }

  async status(): Promise<EventFlowStatus> {
    const [relay, consumer] = await Promise.all([this.#relay.status(), this.#consumer?.status()]);
    return { relay, consumer };
  }

  #observeLater(): void {
    this.#cancelObserve();
    this.#cancelObserve = this.#options.clock.setTimer(() => {
      void this.#observe();
    }, observeIntervalMs);
  }

  async #observe(): Promise<void> {
    try {
      this.lastStatus = await this.status();
      // The figures of a service that has stopped meanwhile stay off the page.
      if (this.#stopped) return;
      this.#metrics.record(this.lastStatus);
    } catch (error) {
      this.#options.logger.debug('the standing of events could not be read', { error });
    }
    if (!this.#stopped) this.#observeLater();
  }

  /** A standing invariant broke, or holds again: a log line, a metric, and an event for whoever wants to be woken. */
  #raise(alarm: Alarm): void {
    void emitAlarm({ ...this.#options, onEmitted: () => this.#relay.poke() }, alarm);
  }
}

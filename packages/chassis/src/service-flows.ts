import type { Clock, Logger, Transaction } from '@banyan/core';
import {
  createFlowMonitor,
  createFlowWatch,
  type FlowDefinition,
  type FlowMonitor,
  type FlowPage,
  type FlowQuery,
  type FlowStanding,
  type FlowView,
  type FlowWatch,
  flowView,
  listFlows,
  type Sighting,
} from '@banyan/flow';
import type { Metrics } from '@banyan/telemetry';
import { emitAlarm } from './alarm-event.ts';
import type { ServiceStore } from './engines.ts';
import { createFlowMetrics, type FlowMetrics } from './flow-metrics.ts';
import type { FlowHealth } from './system.ts';

/** The flows that a service watches, for its handlers. */
export interface Flows {
  /** Newest first, by their first event. */
  list(flow: FlowDefinition, query?: FlowQuery): Promise<FlowPage>;
  /** Undefined if no event of it was seen, or it is forgotten. */
  read(flow: FlowDefinition, key: string): Promise<FlowView | undefined>;
}

export interface ServiceFlowsOptions {
  readonly service: string;
  readonly flows: readonly FlowDefinition[];
  readonly store: ServiceStore;
  /** Age of the oldest event that the service has not handled yet. */
  readonly behindMs: () => Promise<number>;
  /** Called when an alarm is committed. */
  readonly onEmitted: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The flows that one running service watches. */
export interface ServiceFlows {
  readonly queries: Flows;
  readonly standings: readonly FlowStanding[];
  /** What an event says of which flows. */
  sightingsOf: FlowMonitor['sightingsOf'];
  record(transaction: Pick<Transaction, 'sql' | 'onCommit'>, sightings: readonly Sighting[]): Promise<void>;
  start(): void;
  /** Idempotent. */
  stop(): Promise<void>;
}

/** No I/O until `start`. */
export function createServiceFlows(options: ServiceFlowsOptions): ServiceFlows {
  return new WatchedFlows(options);
}

export function toFlowHealth(standings: readonly FlowStanding[]): readonly FlowHealth[] {
  return standings.map(({ flow, open, failing, late, oldestMs }) => ({
    ...{ flow, onTime: late === 0, open, failing, late, oldestMs },
  }));
}

class WatchedFlows implements ServiceFlows {
  readonly queries: Flows;
  readonly #options: ServiceFlowsOptions;
  readonly #monitor: FlowMonitor;
  readonly #watch: FlowWatch;
  readonly #metrics: FlowMetrics;
  /** Of the events that were taken in since the last look. */
  #longestDelayMs = 0;

  constructor(options: ServiceFlowsOptions) {
    const { service, flows, store, clock, logger, metrics } = options;
    this.#options = options;
    this.#metrics = createFlowMetrics(metrics, service, flows);
    this.#monitor = createFlowMonitor(flows, store.flows);
    this.#watch = createFlowWatch({
      definitions: flows,
      store: store.flows,
      database: store.database,
      behindMs: () => this.#behindMs(),
      onAlarm: (alarm, note) => emitAlarm(options, { invariant: 'flows', ...alarm }, note),
      onStanding: (standings) => this.#metrics.record(standings),
      clock,
      logger,
    });
    this.queries = {
      list: (flow, query = {}) => listFlows(store.flows, this.#watched(flow), query),
      read: async (flow, key) => {
        const stored = await store.flows.read({ flow: this.#watched(flow).name, key });
        return stored === undefined ? undefined : flowView(flow, stored);
      },
    };
  }

  get standings(): readonly FlowStanding[] {
    return this.#watch.standings;
  }

  sightingsOf(topic: string, data: unknown, occurredAt: string): readonly Sighting[] {
    return this.#monitor.sightingsOf(topic, data, occurredAt);
  }

  async record(
    { sql, onCommit }: Pick<Transaction, 'sql' | 'onCommit'>,
    sightings: readonly Sighting[],
  ): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    for (const { atMs } of sightings) this.#longestDelayMs = Math.max(this.#longestDelayMs, nowMs - atMs);
    const ended = await this.#monitor.record(sql, sightings);
    onCommit(() => {
      for (const flow of ended) this.#metrics.ended(flow);
    });
  }

  start(): void {
    const { database } = this.#options.store;
    this.#monitor
      .refresh((work) => database.tx(({ sql }) => work(sql)))
      .catch((error) =>
        this.#options.logger.warn('flows under way still stand as an earlier definition had them', { error }),
      );
    this.#watch.start();
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
    this.#metrics.end();
  }

  #watched(flow: FlowDefinition): FlowDefinition {
    if (this.#options.flows.includes(flow)) return flow;
    throw new TypeError(
      `service '${this.#options.service}' does not watch flow '${flow.name}': add it to 'flows' of the service.`,
    );
  }

  /** Between two pages of a backlog nothing is in hand, so what was behind a moment ago counts, too. */
  async #behindMs(): Promise<number> {
    const delayMs = this.#longestDelayMs;
    this.#longestDelayMs = 0;
    return Math.max(delayMs, await this.#options.behindMs());
  }
}

import type { BanyanAlarm } from '@banyan/contract';
import type { Clock, Logger, Sql } from '@banyan/core';
import type { Endpoint } from '@banyan/rpc';
import {
  createSagaEngine,
  type EndedSaga,
  type SagaEngine,
  type SagaStanding,
  type Startable,
} from '@banyan/saga';
import { type Metrics, parseTraceparent } from '@banyan/telemetry';
import { emitAlarm } from './alarm-event.ts';
import type { ServiceStore } from './engines.ts';
import type { ServiceRuntime } from './handler-context.ts';
import { createSagaEnvironment } from './saga-environment.ts';
import { createSagaMetrics, type SagaMetrics } from './saga-metrics.ts';
import type { Uses } from './service-context.ts';
import type { SagaHealth } from './system.ts';

export interface ServiceSagasOptions {
  readonly service: string;
  /** Sagas and durable functions. */
  readonly sagas: readonly Startable[];
  readonly uses: Uses;
  readonly instance: string;
  readonly store: ServiceStore;
  readonly endpoint: (contractName: string) => Endpoint;
  /** In development durable functions run again from their beginning after each entry. */
  readonly rehearse: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The sagas of one running service, and the watch over them. */
export interface ServiceSagas {
  readonly engine: SagaEngine;
  /** The standing of a few seconds ago; undefined before the first look. */
  readonly lastStanding: SagaStanding | undefined;
  start(): Promise<void>;
  stop(timeoutMs: number): Promise<void>;
}

const observeIntervalMs = 5_000;

/** No I/O until `start`. */
export function createServiceSagas(
  options: ServiceSagasOptions,
  runtime: () => ServiceRuntime,
): ServiceSagas {
  return new WatchedSagas(options, runtime);
}

export function toSagaHealth({ stuck, overdue, unknown }: SagaStanding): SagaHealth {
  return { onTime: stuck === 0 && overdue === 0, stuck, overdue, unknown };
}

class WatchedSagas implements ServiceSagas {
  readonly engine: SagaEngine;
  lastStanding: SagaStanding | undefined;
  readonly #options: ServiceSagasOptions;
  readonly #metrics: SagaMetrics;
  readonly #runtime: () => ServiceRuntime;
  #cancelObserve = () => {};
  #isStopped = false;

  constructor(options: ServiceSagasOptions, runtime: () => ServiceRuntime) {
    const { service, sagas, instance, store, endpoint, uses, rehearse, clock, logger, metrics } = options;
    this.#options = options;
    this.#runtime = runtime;
    this.#metrics = createSagaMetrics(metrics, service);
    this.engine = createSagaEngine({
      instance,
      sagas,
      store: store.sagas,
      environment: createSagaEnvironment(runtime, { service, endpoint, uses }),
      rehearse,
      onEnd: (live) => this.#onEnd(live),
      clock,
      logger,
    });
  }

  async start(): Promise<void> {
    await this.engine.start();
    void this.#observe();
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#isStopped = true;
    this.#cancelObserve();
    await this.engine.stop(timeoutMs);
    this.#metrics.end();
  }

  async #observe(): Promise<void> {
    const { clock, logger } = this.#options;
    try {
      const standing = await this.engine.standing();
      if (this.#isStopped) return;
      const before = this.lastStanding?.unknown.join(' ') ?? '';
      if (standing.unknown.length > 0 && standing.unknown.join(' ') !== before) {
        logger.warn('sagas wait for definitions that this process does not have', {
          unknown: standing.unknown,
        });
      }
      this.lastStanding = standing;
      this.#metrics.record(standing, this.engine.inHand);
      await this.#noteStuck(standing);
    } catch (error) {
      logger.debug('the standing of sagas could not be read', { error });
    }
    if (this.#isStopped) return;
    this.#cancelObserve = clock.setTimer(() => void this.#observe(), observeIntervalMs);
  }

  /** A saga that cannot go on by itself: a log line, a metric, and an event for whoever wants to be woken. */
  #onEnd(ended: EndedSaga): void {
    const { row, status, state } = ended;
    this.#metrics.ended(row.name, status);
    this.#runtime().spans?.sagas.ended(ended);
    if (status !== 'stuck') return;
    const { logger } = this.#options;
    const { id: sagaId, name: saga, version } = row;
    const traceId = parseTraceparent(row.traceparent)?.traceId;
    logger.error('a saga is stuck and needs an operator', {
      ...{ sagaId, saga, version, traceId, stuck: state.stuck, failure: state.failure },
      error: state.steps[state.stuck?.step ?? '']?.e ?? state.failure?.error,
    });
    void this.#alarm('broken', 1, async (sql) => {
      await this.#options.store.sagas.noteAlarm(sql, true);
      return true;
    });
  }

  /** Takes the alarm back when no saga is stuck any more, and raises what a process that died could not. */
  async #noteStuck({ stuck, isAlarmed }: SagaStanding): Promise<void> {
    const isStuck = stuck > 0;
    if (isStuck === isAlarmed) return;
    const { sagas } = this.#options.store;
    await this.#alarm(isStuck ? 'broken' : 'restored', stuck, (sql) => sagas.noteAlarm(sql, isStuck));
  }

  #alarm(state: BanyanAlarm['state'], count: number, note: (sql: Sql) => Promise<boolean>): Promise<boolean> {
    const alarm = { invariant: 'sagas', state, ageMs: 0, boundMs: 0, count } as const;
    const onEmitted = () => this.#runtime().onEmitted();
    return emitAlarm({ ...this.#options, onEmitted }, alarm, note);
  }
}

import type { Contract, MetricsOf } from '@banyan/contract';
import {
  type CallContext,
  type CausedTransactionOptions,
  type Clock,
  type Logger,
  type Sql,
  sleep,
} from '@banyan/core';
import type { LogReader } from '@banyan/event-store';
import { type CancellableCallContext, createCallContext } from '@banyan/rpc';
import type { Metrics, SpanType } from '@banyan/telemetry';
import { startCausedSpans } from './caused-spans.ts';
import { HandlerContext, runTransaction, type ServiceRuntime } from './handler-context.ts';
import type { ServiceContext, Tx, Uses } from './service-context.ts';
import { atOnce } from './service-metrics.ts';
import { within } from './service-spans.ts';
import { settledWithin } from './settled-within.ts';

/** What a background task gets. `signal` aborts when the service stops. `log` names no trace: the task itself has none. */
export interface BackgroundContext<C extends Contract, U extends Uses, Config>
  extends ServiceContext<U, Config> {
  /** The service's own database; each statement commits by itself. Use `tx` for more than one. */
  readonly sql: Sql;
  /** What the contract declares. Counts at once. */
  readonly metrics: MetricsOf<C>;
  /** For libraries that bring metrics of their own: what is defined here is on the page of the process. Label it with the service. */
  readonly processMetrics: Metrics;
  /**
   * Has the service look after a reader of its event store until the returned function is called: lag on `/metrics` and in health, and an alarm when it is
   * behind for too long. Subscriptions and projections whose `database` is this context call it by themselves.
   */
  watch(reader: LogReader): () => void;
  tx<Result>(work: (tx: Tx<C>) => Promise<Result>, options?: CausedTransactionOptions): Promise<Result>;
}

/** A background task with its types erased. */
export type BackgroundTask = (context: BackgroundContext<Contract, Uses, unknown>) => Promise<void>;

export interface BackgroundOptions {
  readonly tasks: Readonly<Record<string, BackgroundTask>>;
  readonly runtime: ServiceRuntime;
  readonly service: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The background tasks of one running service. */
export interface Background {
  /** Aborts every task and waits for them, at most `timeoutMs`. Idempotent. */
  stop(timeoutMs: number): Promise<void>;
}

const firstBackoffMs = 1_000;
const maxBackoffMs = 60_000;

/** Starts every task. One that rejects is logged and started again after a back-off; one that resolves is done. */
export function startBackground(options: BackgroundOptions): Background {
  const context = createCallContext({
    caller: { service: options.service },
    timeoutMs: Number.POSITIVE_INFINITY,
    isEndless: true,
  });
  const running = Object.entries(options.tasks).map(([name, task]) =>
    keepRunning(name, task, { ...options, context }),
  );
  const ended = Promise.all(running);
  return {
    async stop(timeoutMs) {
      context.cancel();
      await settledWithin(timeoutMs, ended, options.clock);
    },
  };
}

async function keepRunning(
  name: string,
  task: BackgroundTask,
  options: BackgroundOptions & { readonly context: CancellableCallContext },
): Promise<void> {
  const { runtime, context, clock, logger, metrics } = options;
  const { signal } = context;
  for (let backoffMs = firstBackoffMs; !signal.aborted; backoffMs = Math.min(backoffMs * 2, maxBackoffMs)) {
    try {
      await task(new TaskContext(runtime, context, { name, metrics }));
      return;
    } catch (error) {
      if (signal.aborted) return;
      logger.error(`the background task ${name} failed`, { error, retryInMs: backoffMs });
      await sleep(backoffMs, clock, signal).catch(() => {});
    }
  }
}

class TaskContext extends HandlerContext implements BackgroundContext<Contract, Uses, unknown> {
  readonly processMetrics: Metrics;
  /** Each transaction, and each call, begins a trace: the task itself has no end. */
  readonly #transacting: SpanType;

  constructor(
    runtime: ServiceRuntime,
    context: CallContext,
    task: { readonly name: string; readonly metrics: Metrics },
  ) {
    super(runtime, context);
    const { name, metrics } = task;
    this.processMetrics = metrics;
    this.#transacting = { name: `background ${name}`, kind: 'internal', attributes: { 'banyan.task': name } };
  }

  override get log(): Logger {
    return this.runtime.logger;
  }

  get sql(): Sql {
    // Without spans: a task that looks for work every second would fill the store with traces of nothing.
    return this.runtime.database.sql;
  }

  get metrics(): MetricsOf<Contract> {
    return this.runtime.metrics.measure(() => undefined, atOnce);
  }

  get watch(): BackgroundContext<Contract, Uses, unknown>['watch'] {
    return (reader) => this.runtime.readers.watch(reader);
  }

  get tx(): BackgroundContext<Contract, Uses, unknown>['tx'] {
    return async (work, { causes, foreignCauses, ...options } = {}) => {
      const { runtime, caller, signal } = this;
      const spans =
        runtime.spans === undefined
          ? undefined
          : startCausedSpans(runtime.spans.tracer, this.#transacting, { causes, foreignCauses });
      const context = createCallContext({ caller, trace: spans?.own, timeoutMs: Number.POSITIVE_INFINITY });
      try {
        return await within(runtime, spans?.own, () =>
          runTransaction(runtime, context, { work, signal, ...options }),
        );
      } catch (error) {
        spans?.endRejected(error);
        throw error;
      } finally {
        spans?.end();
        context.end();
      }
    };
  }
}

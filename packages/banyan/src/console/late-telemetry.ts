import {
  type Asker,
  type Live,
  livePath,
  otlpRoutes,
  type TelemetryHandlers,
  telemetryApi,
} from '@banyan/console-api';
import { ServiceError, sleep } from '@banyan/core';
import { type ConsoleTelemetry, type ConsoleTelemetryOptions, openConsoleTelemetry } from './telemetry.ts';

/** Telemetry that opens as soon as its store can be opened. Until then its operations refuse with `store_away`, and senders are told to come again. */
export interface LateTelemetry extends Pick<ConsoleTelemetry, 'telemetry' | 'routes'> {
  /** Resolves when the store is open, or when it shall not be any more. */
  readonly opened: Promise<void>;
  readonly tell: Live['tell'];
  /** Idempotent. */
  stop(): Promise<void>;
}

const firstBackoffMs = 500;
const maxBackoffMs = 10_000;

type Handler = (input: never, asker: Asker) => Promise<unknown>;

export function createLateTelemetry(options: ConsoleTelemetryOptions): LateTelemetry {
  const { logger, clock } = options;
  const stopping = Promise.withResolvers<void>();
  let isStopped = false;
  let open: ConsoleTelemetry | undefined;
  const present = (): ConsoleTelemetry => {
    if (open === undefined) throw storeAway();
    return open;
  };
  const tryOn = async () => {
    for (let backoffMs = firstBackoffMs; !isStopped; backoffMs = Math.min(backoffMs * 2, maxBackoffMs)) {
      try {
        open = await openConsoleTelemetry(options);
        return;
      } catch (error) {
        logger.error('the telemetry store does not open; trying on', { error });
        await Promise.race([sleep(backoffMs, clock), stopping.promise]);
      }
    }
  };
  const opened = tryOn();
  const handlers = Object.keys(telemetryApi.operations).map((name) => [
    name,
    async (input: never, asker: Asker) =>
      (present().telemetry as unknown as Readonly<Record<string, Handler>>)[name]?.(input, asker),
  ]);
  return {
    opened,
    telemetry: Object.fromEntries(handlers) as TelemetryHandlers,
    routes: [
      ...otlpRoutes({ receive: (signal, request) => present().store.receive(signal, request) }, logger),
      { method: 'GET', path: livePath, target: async (arrival) => present().live.route.target(arrival) },
    ],
    tell: (topic, data) => open?.live.tell(topic, data),
    async stop() {
      isStopped = true;
      stopping.resolve();
      await opened;
      await open?.stop();
    },
  };
}

function storeAway(): ServiceError {
  return new ServiceError('The telemetry store is not open yet; the log says why.', {
    code: 'unavailable',
    reason: 'store_away',
    retryAfterMs: 1_000,
  });
}

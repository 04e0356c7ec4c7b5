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
  /** Waits for an opening that is under way a second at most; it is then closed as soon as it is done. Idempotent. */
  stop(): Promise<void>;
}

const firstBackoffMs = 500;
const maxBackoffMs = 10_000;
/** What is just being opened is closed in good order. */
const openingGraceMs = 1_000;

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
        const opening = await openConsoleTelemetry(options);
        if (isStopped) await opening.stop();
        else open = opening;
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
      // A store that hangs while it is opened is left to itself.
      await Promise.race([opened, sleep(openingGraceMs, clock)]);
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

import { type Clock, ServiceError } from '@banyan/core';
import type { Exchange } from './exchange.ts';
import { ExchangeList } from './exchange-list.ts';
import { hasBody } from './framing.ts';
import type { GatewayLimits } from './limits.ts';

/** Ends requests whose body trickles in, and connections whose client stops reading (slow attacks, lost phones). */
export interface TrafficWatch {
  readonly exchanges: ExchangeList;
  start(): void;
  stop(): void;
}

const intervalMs = 1_000;
/** A mobile connection may need this long to get going. */
const graceMs = 10_000;

export function createTrafficWatch(clock: Clock, limits: GatewayLimits): TrafficWatch {
  const exchanges = new ExchangeList();
  let cancel: (() => void) | undefined;
  const look = () => {
    for (const exchange of exchanges) {
      if (exchange.isTunnel) continue;
      if (isTooSlow(exchange, limits)) exchange.refuse(tooSlow());
      watchReader(exchange, limits);
    }
    cancel = clock.setTimer(look, intervalMs);
  };
  return {
    exchanges,
    start() {
      cancel = clock.setTimer(look, intervalMs);
    },
    stop: () => cancel?.(),
  };
}

function isTooSlow(exchange: Exchange, limits: GatewayLimits): boolean {
  const { request, response } = exchange;
  // Over HTTP/2 a body that is not there is never read, so it never counts as complete.
  if (!hasBody(request)) return false;
  // What has arrived and waits for the service is not the client's delay.
  if (request.complete || request.readableLength > 0 || response.headersSent) return false;
  exchange.waitedMs += intervalMs;
  if (exchange.waitedMs <= graceMs) return false;
  const bytes = request.socket.bytesRead - exchange.receivedBefore;
  return bytes * 1_000 < exchange.waitedMs * limits.minBodyBytesPerSecond;
}

/** Node ends a socket whose timeout passes without a byte moving; here only while the client has something to read. */
function watchReader(exchange: Exchange, limits: GatewayLimits): void {
  const { request, response } = exchange;
  if (!response.headersSent) return;
  if (request.httpVersionMajor > 1) {
    watchStream(exchange, limits);
    return;
  }
  const { socket } = request;
  const wantedMs = response.writableLength > 0 ? limits.stalledAfterMs : 0;
  if ((socket.timeout ?? 0) !== wantedMs) socket.setTimeout(wantedMs);
}

/** A connection of HTTP/2 may be busy with others, so each answer is looked at by itself. */
function watchStream(exchange: Exchange, limits: GatewayLimits): void {
  const { response } = exchange;
  const left = response.writableLength;
  exchange.stalledMs = left > 0 && left === exchange.unsentBytes ? exchange.stalledMs + intervalMs : 0;
  exchange.unsentBytes = left;
  if (exchange.stalledMs >= limits.stalledAfterMs) response.destroy();
}

function tooSlow(): ServiceError {
  return new ServiceError('The body arrives too slowly.', {
    code: 'deadline_exceeded',
    reason: 'request_timeout',
    status: 408,
    notStarted: true,
  });
}

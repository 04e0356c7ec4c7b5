import type { Logger } from '@banyan/core';
import type { Exchange } from './exchange.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';

/** Writes one line for each exchange that is over, counts it, and ends its span. No paths, queries, headers or tokens. */
export function createRequestLog(logger: Logger, metrics: GatewayMetrics): (exchange: Exchange) => void {
  return (exchange) => {
    const { response, request, caller, route, upstream, refusedFor } = exchange;
    const wasCutOff = !response.writableFinished && !exchange.isTunnel;
    const isCutOff = wasCutOff && response.headersSent;
    // 499: nginx's number for a client that did not wait for the answer.
    const status = wasCutOff && !isCutOff ? 499 : response.statusCode;
    const ms = performance.now() - exchange.startedMs;
    const bytes = exchange.sentBytes;
    const { method = '' } = request;
    exchange.endSpan(status);
    metrics.ended({ route, method, status: isCutOff ? undefined : status, ms, bytes, trace: exchange.span });
    logger.info('request', {
      method,
      route,
      ...(upstream === undefined ? undefined : { upstream }),
      status,
      ms: Math.round(ms * 1_000) / 1_000,
      traceId: exchange.trace.traceId,
      spanId: exchange.trace.spanId,
      bytes,
      ...(caller?.user === undefined ? undefined : { userId: caller.user.id }),
      ...(refusedFor === undefined ? undefined : { reason: refusedFor }),
      ...(isCutOff ? { cutOff: true } : undefined),
    });
  };
}

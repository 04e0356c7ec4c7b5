import { METHODS } from 'node:http';
import type { TraceContext } from '@banyan/core';
import type { Attributes, Span, SpanType, Tracer } from '@banyan/telemetry';

/** The spans of the requests of one gateway. */
export interface RequestSpans {
  /** @param cause of the client, whose trace it goes on with */
  start(cause: TraceContext | undefined): Span;
  /** @param status of the answer; 499 if the client did not wait for it */
  end(span: Span, request: AnsweredRequest): void;
}

export interface AnsweredRequest {
  readonly method: string;
  /** Empty if there is none. */
  readonly route: string;
  readonly scheme: string;
  readonly status: number;
  /** Reason of the refusal. */
  readonly refusedFor: string | undefined;
  readonly client: string;
  readonly userId: string | undefined;
}

/** Routes, methods and statuses are few; whatever else comes is not kept. */
const maxTypes = 5_000;
const begun: SpanType = { name: 'request', kind: 'server', attributes: {} };

export function createRequestSpans(tracer: Tracer): RequestSpans {
  const known = new Map<string, SpanType>();
  return {
    start(cause) {
      const own = tracer.start(begun);
      // Whether it is kept was decided for a trace of our own: clients choose neither that nor, by an id of their choice, what a ratio keeps.
      return cause === undefined ? own : tracer.start(begun, withSampled(cause, own.sampled));
    },
    end(span, request) {
      if (span.isRecording) {
        const key = `${request.method} ${request.status} ${request.scheme} ${request.route}`;
        let type = known.get(key);
        if (type === undefined) {
          type = typeOf(request);
          if (known.size < maxTypes) known.set(key, type);
        }
        span.become(type);
        span.set('client.address', request.client);
        span.set('enduser.id', request.userId);
        if (request.status >= 500) span.failAs(request.refusedFor ?? String(request.status));
        else span.set('error.type', request.refusedFor);
      }
      span.end();
    },
  };
}

/** The ids that a client gave, and our own decision. */
export function withSampled({ traceId, spanId }: TraceContext, sampled: boolean): TraceContext {
  return { traceId, spanId, sampled };
}

const methods: ReadonlySet<string> = new Set(METHODS);

function typeOf({ method: given, route, scheme, status }: AnsweredRequest): SpanType {
  const method = methods.has(given) ? given : '_OTHER';
  const attributes: Attributes = {
    'http.request.method': method,
    'http.route': route === '' ? undefined : route,
    'url.scheme': scheme,
    'http.response.status_code': status,
  };
  return { name: route === '' ? method : `${method} ${route}`, kind: 'server', attributes };
}

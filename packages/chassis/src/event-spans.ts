import type { TraceContext } from '@banyan/core';
import { type CloudEvent, serviceOfEvent, topicOf } from '@banyan/events';
import { parseTraceparent, type Span, type SpanType, type Tracer } from '@banyan/telemetry';

/** The spans of the events and messages that one service tells and handles. */
export interface EventSpans {
  /** Told: ended when that is committed, and never if it is not. */
  told(verb: 'publish' | 'send', topic: string, trace: TraceContext | undefined): Span;
  /** What only the finished event says about `span`. */
  describe(span: Span, event: CloudEvent, dueAtMs?: number): void;
  /** Handled, as a part of the trace in which it was told. */
  handled(event: CloudEvent, attempt: number): Span;
}

export function createEventSpans(tracer: Tracer, service: string): EventSpans {
  return new TracedEvents(tracer, service);
}

type Verb = 'publish' | 'send' | 'process';

class TracedEvents implements EventSpans {
  readonly #tracer: Tracer;
  readonly #service: string;
  /** Topics are as many as contracts declare. */
  readonly #types: Record<Verb, Map<string, SpanType>> = {
    publish: new Map(),
    send: new Map(),
    process: new Map(),
  };

  constructor(tracer: Tracer, service: string) {
    this.#tracer = tracer;
    this.#service = service;
  }

  told(verb: 'publish' | 'send', topic: string, trace: TraceContext | undefined): Span {
    return this.#tracer.start(this.#typeOf(verb, topic), trace);
  }

  describe(span: Span, event: CloudEvent, dueAtMs?: number): void {
    if (!span.isRecording) return;
    span.set('messaging.message.id', event.id);
    span.set('banyan.event.id', event.id);
    if (dueAtMs !== undefined) span.set('banyan.event.due_at', new Date(dueAtMs).toISOString());
  }

  handled(event: CloudEvent, attempt: number): Span {
    const span = this.#tracer.start(
      this.#typeOf('process', topicOf(event)),
      parseTraceparent(event.traceparent),
    );
    this.describe(span, event);
    if (span.isRecording) {
      span.set('banyan.attempt', attempt);
      span.set('banyan.caller', serviceOfEvent(event));
    }
    return span;
  }

  #typeOf(verb: Verb, topic: string): SpanType {
    const known = this.#types[verb];
    let type = known.get(topic);
    if (type === undefined) {
      type = typeOf(verb, topic, this.#service);
      known.set(topic, type);
    }
    return type;
  }
}

function typeOf(verb: Verb, topic: string, service: string): SpanType {
  const isConsumer = verb === 'process';
  return {
    name: `${verb} ${topic}`,
    kind: isConsumer ? 'consumer' : 'producer',
    attributes: {
      'messaging.system': 'banyan',
      'messaging.destination.name': topic,
      'messaging.operation.type': isConsumer ? 'process' : 'send',
      'messaging.operation.name': verb,
      'messaging.consumer.group.name': isConsumer ? service : undefined,
    },
  };
}

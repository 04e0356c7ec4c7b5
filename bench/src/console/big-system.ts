/** A system of so many services that call each other: what `getSystem` of the console says of it, and its telemetry. */
export interface BigSystem {
  readonly services: readonly BigService[];
  /** An OTLP request with a call along each edge, that has just ended. */
  spans(nowMs: number): object;
}

export interface BigService {
  readonly name: string;
  readonly version: string;
  readonly group: string;
  readonly isHealthy: boolean;
  readonly instances: readonly {
    readonly id: string;
    readonly state: string;
    readonly version: string;
    readonly restarts: number;
  }[];
  readonly breakers: readonly [];
  readonly calls: readonly string[];
  readonly listensTo: readonly string[];
}

const nameOf = (index: number) => `service-${String(index).padStart(3, '0')}`;

/** Three levels below each entry, and here and there a call across. */
export function bigSystem(count: number): BigSystem {
  const calleesOf = (index: number) =>
    [3 * index + 1, 3 * index + 2, 3 * index + 3, ...(index % 7 === 3 ? [index + 11] : [])].filter(
      (callee) => callee < count,
    );
  const services = Array.from({ length: count }, (_, index) => ({
    name: nameOf(index),
    version: '1.0.0',
    group: `process ${index % 20}`,
    isHealthy: true,
    instances: [{ id: `${nameOf(index)}-1`, state: 'ready', version: '1.0.0', restarts: 0 }],
    breakers: [] as const,
    calls: calleesOf(index).map(nameOf),
    listensTo: [],
  }));
  let made = 0;
  const id = (digits: number) => {
    made += 1;
    return made.toString(16).padStart(digits, '0');
  };
  return {
    services,
    spans(nowMs) {
      const spansOf = new Map<number, object[]>();
      const add = (service: number, span: object) =>
        spansOf.set(service, [...(spansOf.get(service) ?? []), span]);
      for (let caller = 0; caller < count; caller += 1) {
        for (const callee of calleesOf(caller)) {
          const [traceId, parent] = [id(32), id(16)];
          const durationMs = 1 + ((made * 7) % 40);
          add(caller, span(traceId, parent, { name: 'entry', nowMs, durationMs: durationMs + 2 }));
          add(callee, {
            ...span(traceId, id(16), { name: 'work', nowMs, durationMs }),
            parentSpanId: parent,
          });
        }
      }
      return {
        resourceSpans: [...spansOf].map(([service, spans]) => ({
          resource: {
            attributes: [
              { key: 'service.name', value: { stringValue: nameOf(service) } },
              { key: 'service.version', value: { stringValue: '1.0.0' } },
            ],
          },
          scopeSpans: [{ spans }],
        })),
      };
    },
  };
}

interface SpanOf {
  readonly name: string;
  readonly nowMs: number;
  readonly durationMs: number;
}

function span(traceId: string, spanId: string, { name, nowMs, durationMs }: SpanOf) {
  return {
    ...{ traceId, spanId, name, kind: 2, status: {} },
    startTimeUnixNano: `${nowMs - durationMs}000000`,
    endTimeUnixNano: `${nowMs}000000`,
    attributes: [{ key: 'rpc.system', value: { stringValue: 'banyan' } }],
  };
}

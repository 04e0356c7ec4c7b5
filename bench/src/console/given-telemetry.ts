/** OTLP requests of a system of twelve services, as its processes would send them. The same for the same seed. */
export interface GivenTelemetry {
  /** A request with about so many spans: whole traces of eight. */
  spans(count: number, endMs: number): object;
  lines(count: number, endMs: number): object;
}

const services = Array.from({ length: 12 }, (_, index) => `service-${index}`);
const operations = ['place', 'pay', 'ship', 'list', 'show', 'cancel', 'refund', 'search'];
const words =
  'order payment was taken from the card of a customer in good time and sent to store with label'.split(' ');
const spansPerTrace = 8;

export function givenTelemetry(seed: number): GivenTelemetry {
  let state = seed;
  const below = (limit: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * limit);
  };
  const hex = (digits: number) => {
    let text = '';
    while (text.length < digits) text += below(0xffff_ffff).toString(16).padStart(8, '0');
    return text.slice(0, digits);
  };
  const attributes = (pairs: Readonly<Record<string, string | number>>) =>
    Object.entries(pairs).map(([key, value]) => ({
      key,
      value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) },
    }));
  const resource = (service: string) => ({
    attributes: attributes({
      'service.name': service,
      'service.version': '1.0.0',
      'telemetry.sdk.language': 'nodejs',
    }),
  });
  const span = (
    trace: { readonly traceId: string; readonly ids: readonly string[]; readonly startMs: number },
    index: number,
  ) => {
    const startUs = trace.startMs * 1_000 + index * 700;
    const operation = operations[below(operations.length)] ?? '';
    // One of a thousand takes more than a second.
    const durationUs = below(1_000) === 0 ? 1_000_000 + below(1_000_000) : 200 + below(20_000);
    return {
      traceId: trace.traceId,
      spanId: trace.ids[index],
      ...(index === 0 ? undefined : { parentSpanId: trace.ids[index - 1] }),
      name: operation,
      kind: index % 2 === 0 ? 2 : 3,
      startTimeUnixNano: `${startUs}000`,
      endTimeUnixNano: `${startUs + durationUs}000`,
      status: below(200) === 0 ? { code: 2, message: 'card declined' } : {},
      attributes: attributes({
        'rpc.system': 'banyan',
        'rpc.method': operation,
        'order.id': `o-${below(1_000_000)}`,
        'http.response.status_code': 200,
        'banyan.placement': 'remote',
        'enduser.id': `u-${below(20_000)}`,
      }),
    };
  };
  return {
    spans(count, endMs) {
      const byService = new Map<string, object[]>();
      for (let made = 0; made < count; made += spansPerTrace) {
        const ids = Array.from({ length: spansPerTrace }, () => hex(16));
        const trace = { traceId: hex(32), ids, startMs: endMs - below(1_000) };
        for (let index = 0; index < spansPerTrace; index += 1) {
          const service = services[below(services.length)] ?? '';
          byService.set(service, [...(byService.get(service) ?? []), span(trace, index)]);
        }
      }
      return {
        resourceSpans: [...byService].map(([service, spans]) => ({
          resource: resource(service),
          scopeSpans: [{ spans }],
        })),
      };
    },
    lines(count, endMs) {
      const logRecords = Array.from({ length: count }, () => ({
        timeUnixNano: `${(endMs - below(1_000)) * 1_000}000`,
        severityNumber: [5, 9, 9, 9, 9, 9, 13, 17][below(8)],
        body: {
          stringValue: `${Array.from({ length: 8 }, () => words[below(words.length)]).join(' ')} o-${below(1_000_000)}`,
        },
        traceId: hex(32),
        attributes: attributes({ method: 'POST', ms: below(1_000) }),
      }));
      return {
        resourceLogs: [
          { resource: resource(services[below(services.length)] ?? ''), scopeLogs: [{ logRecords }] },
        ],
      };
    },
  };
}

import type { Signal } from '../writing/signal-queue.ts';

/** How a value is written in protobuf, and what becomes of it in the JSON of OTLP. */
export type ScalarType =
  | 'text'
  | 'hex'
  | 'base64'
  | 'bool'
  | 'enum'
  | 'int64'
  | 'uint64'
  | 'sint32'
  | 'fixed64'
  | 'sfixed64'
  | 'double';

export interface Field {
  readonly name: string;
  /** A function, since messages contain each other. */
  readonly type: ScalarType | (() => Message);
  readonly isList: boolean;
}

export interface Message {
  /** By their numbers. What is not among them is skipped: nothing here reads it. */
  readonly fields: ReadonlyMap<number, Field>;
  /** Values that are not written when they are empty, and are needed all the same. */
  readonly defaults: Readonly<Record<string, unknown>>;
}

type Row = readonly [number: number, name: string, type: Field['type'], list?: 'list'];

function message(rows: readonly Row[], defaults: Message['defaults'] = {}): Message {
  const fields = rows.map(([number, name, type, list]): [number, Field] => [
    number,
    { name, type, isList: list === 'list' },
  ]);
  return { fields: new Map(fields), defaults };
}

/** A message that has nothing but a list. */
function listOf(name: string, item: () => Message): Message {
  return message([[1, name, item, 'list']]);
}

// Numbers and names of https://github.com/open-telemetry/opentelemetry-proto, version 1.

const anyValue: Message = message([
  [1, 'stringValue', 'text'],
  [2, 'boolValue', 'bool'],
  [3, 'intValue', 'int64'],
  [4, 'doubleValue', 'double'],
  [5, 'arrayValue', () => arrayValue],
  [6, 'kvlistValue', () => keyValueList],
  [7, 'bytesValue', 'base64'],
]);
const arrayValue = listOf('values', () => anyValue);
const keyValue = message(
  [
    [1, 'key', 'text'],
    [2, 'value', () => anyValue],
  ],
  { key: '' },
);
const keyValueList = listOf('values', () => keyValue);
const resource = listOf('attributes', () => keyValue);

const event = message([
  [1, 'timeUnixNano', 'fixed64'],
  [2, 'name', 'text'],
  [3, 'attributes', () => keyValue, 'list'],
]);
const link = message([
  [1, 'traceId', 'hex'],
  [2, 'spanId', 'hex'],
]);
const status = message([
  [2, 'message', 'text'],
  [3, 'code', 'enum'],
]);
const span = message(
  [
    [1, 'traceId', 'hex'],
    [2, 'spanId', 'hex'],
    [4, 'parentSpanId', 'hex'],
    [5, 'name', 'text'],
    [6, 'kind', 'enum'],
    [7, 'startTimeUnixNano', 'fixed64'],
    [8, 'endTimeUnixNano', 'fixed64'],
    [9, 'attributes', () => keyValue, 'list'],
    [11, 'events', () => event, 'list'],
    [13, 'links', () => link, 'list'],
    [15, 'status', () => status],
  ],
  { name: '' },
);
const logRecord = message([
  [1, 'timeUnixNano', 'fixed64'],
  [2, 'severityNumber', 'enum'],
  [3, 'severityText', 'text'],
  [5, 'body', () => anyValue],
  [6, 'attributes', () => keyValue, 'list'],
  [9, 'traceId', 'hex'],
  [10, 'spanId', 'hex'],
  [11, 'observedTimeUnixNano', 'fixed64'],
]);

const numberPoint = message([
  [2, 'startTimeUnixNano', 'fixed64'],
  [3, 'timeUnixNano', 'fixed64'],
  [4, 'asDouble', 'double'],
  [6, 'asInt', 'sfixed64'],
  [7, 'attributes', () => keyValue, 'list'],
]);
const histogramPoint = message([
  [2, 'startTimeUnixNano', 'fixed64'],
  [3, 'timeUnixNano', 'fixed64'],
  [4, 'count', 'fixed64'],
  [5, 'sum', 'double'],
  [6, 'bucketCounts', 'fixed64', 'list'],
  [7, 'explicitBounds', 'double', 'list'],
  [9, 'attributes', () => keyValue, 'list'],
]);
const buckets = message([
  [1, 'offset', 'sint32'],
  [2, 'bucketCounts', 'uint64', 'list'],
]);
const exponentialPoint = message([
  [1, 'attributes', () => keyValue, 'list'],
  [2, 'startTimeUnixNano', 'fixed64'],
  [3, 'timeUnixNano', 'fixed64'],
  [4, 'count', 'fixed64'],
  [5, 'sum', 'double'],
  [6, 'scale', 'sint32'],
  [7, 'zeroCount', 'fixed64'],
  [8, 'positive', () => buckets],
]);
const quantile = message(
  [
    [1, 'quantile', 'double'],
    [2, 'value', 'double'],
  ],
  { quantile: 0, value: 0 },
);
const summaryPoint = message([
  [2, 'startTimeUnixNano', 'fixed64'],
  [3, 'timeUnixNano', 'fixed64'],
  [6, 'quantileValues', () => quantile, 'list'],
  [7, 'attributes', () => keyValue, 'list'],
]);
const pointsOf = (point: () => Message) =>
  message([
    [1, 'dataPoints', point, 'list'],
    [2, 'aggregationTemporality', 'enum'],
    [3, 'isMonotonic', 'bool'],
  ]);
const gaugeOrSum = pointsOf(() => numberPoint);
const histogram = pointsOf(() => histogramPoint);
const exponentialHistogram = pointsOf(() => exponentialPoint);
const summary = pointsOf(() => summaryPoint);
const metric = message(
  [
    [1, 'name', 'text'],
    [2, 'description', 'text'],
    [3, 'unit', 'text'],
    [5, 'gauge', () => gaugeOrSum],
    [7, 'sum', () => gaugeOrSum],
    [9, 'histogram', () => histogram],
    [10, 'exponentialHistogram', () => exponentialHistogram],
    [11, 'summary', () => summary],
  ],
  { name: '' },
);

function requestOf(kind: string, items: string, item: () => Message): Message {
  const scope = message([[2, items, item, 'list']]);
  const group = message([
    [1, 'resource', () => resource],
    [2, `scope${kind}`, () => scope, 'list'],
  ]);
  return listOf(`resource${kind}`, () => group);
}

/** `ExportTraceServiceRequest` and its like. */
export const requests: Readonly<Record<Signal, Message>> = {
  spans: requestOf('Spans', 'spans', () => span),
  logs: requestOf('Logs', 'logRecords', () => logRecord),
  metrics: requestOf('Metrics', 'metrics', () => metric),
};

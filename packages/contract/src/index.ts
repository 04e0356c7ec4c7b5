export { type AsyncApiDocument, type AsyncApiOptions, toAsyncApi } from './async-api.ts';
export { type Binary, binary, type Download, isBinary, type Upload } from './binary.ts';
export { canonicalInput } from './canonical-input.ts';
export {
  type Contract,
  type ContractOptions,
  contract,
  type Events,
  type Messages,
  type Metrics,
  type Operations,
} from './contract.ts';
export {
  dataValidator,
  errorDataValidator,
  inputValidator,
  outputValidator,
  replyValidator,
} from './contract-validators.ts';
export { contractErrors } from './errors.ts';
export { type EventType, event } from './event.ts';
export { eventNameIssue } from './event-name.ts';
export { exampleOf } from './example-value.ts';
export {
  clientHeader,
  createHttpBinding,
  expandLocation,
  type HttpBinding,
  type HttpRequestParts,
  isHeaderValue,
  notAHeaderValue,
  type RequestHeaders,
  sessionHeader,
  takesJsonBody,
} from './http-binding.ts';
export {
  branchesOf,
  type Direction,
  isJsonSchema,
  type JsonSchema,
  piecesOf,
  resolveReference,
  toJsonSchema,
} from './json-schema.ts';
export {
  isLongEnded,
  type LongOperationOptions,
  type LongOperations,
  type LongPart,
  type LongReference,
  type LongSchema,
  type LongState,
  type LongStatus,
  longOperation,
  longStates,
  resultOf,
  retryAfterOf,
} from './long-operation.ts';
export type { MediaTypes } from './media-types.ts';
export { type MessageType, message } from './message.ts';
export {
  counter,
  gauge,
  type HistogramMetricOptions,
  histogram,
  type Metric,
  type MetricLabels,
  type MetricOptions,
  type MetricsOf,
  type MetricType,
  metricName,
  metricTypes,
} from './metric.ts';
export { type ObjectField, type ObjectFields, objectFields } from './object-fields.ts';
export {
  type DocumentedOperation,
  type OpenApiDocument,
  type OpenApiOptions,
  toOpenApi,
} from './open-api.ts';
export {
  type Balance,
  type DeclaredError,
  type DeclaredErrors,
  type HttpMethod,
  httpMethods,
  isStreaming,
  type Operation,
  type OperationOptions,
  operation,
} from './operation.ts';
export {
  type BanyanAlarm,
  consumableEvents,
  type PlatformEvents,
  platformEvents,
} from './platform-events.ts';
export { isRefusal, onRefusal, type Refusal } from './refusal.ts';
export { replySchemaOf, replyTypeOf } from './reply-type.ts';
export type {
  InputOf,
  OutputOf,
  Schema,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from './standard-schema.ts';
export { type TypeBoxSchema, type TypeBoxValidator, typebox } from './typebox.ts';
export { createValidator, type InvalidDetails, type Issue, type Validator } from './validator.ts';

export { createUserTokenSigner, generateUserKey, type UserTokenSigner } from '@banyan/auth';
export {
  type CallOptions,
  type ClosedTx,
  type EventContext,
  type Flows,
  longResult,
  type MessageContext,
  type OperationContext,
  type ReplyContext,
  type ReplyState,
  type ResourceContext,
  type RowsOf,
  type SendOptions,
  type Service,
  type System,
  service,
  system,
  type Tx,
} from '@banyan/chassis';
export {
  type Binary,
  binary,
  type Contract,
  contract,
  counter,
  type Download,
  event,
  gauge,
  histogram,
  type InputOf,
  isRefusal,
  type LongStatus,
  longOperation,
  type MetricsOf,
  message,
  type Operation,
  type OutputOf,
  onRefusal,
  operation,
  type Upload,
} from '@banyan/contract';
export {
  type CallContext,
  type Caller,
  isServiceError,
  type Logger,
  ServiceError,
  type Sql,
  type Transaction,
  type User,
} from '@banyan/core';
export { correlate, drawFlow, type FlowPage, type FlowView, flow } from '@banyan/flow';
export {
  type AppRequest,
  type AppResponse,
  compose,
  expose,
  forward,
  gateway,
  httpApp,
  rateLimit,
} from '@banyan/gateway';
export { createBulkhead } from '@banyan/resilience';
export { type Durable, type DurableContext, durable, type Saga, saga } from '@banyan/saga';
export { openBroker } from './brokers.ts';

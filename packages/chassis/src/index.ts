export { policyDocument } from './access/policy-point.ts';
export type { AdvertisedAddress } from './advertised-address.ts';
export type { BackgroundContext, BackgroundTask } from './background.ts';
export { createClient } from './clients.ts';
export type { Engines, ServiceStore } from './engines.ts';
export { chassisErrors } from './errors.ts';
export { describeGraph, type GraphEdge, type GraphNode, type SystemGraph, sendersTo } from './graph.ts';
export { createHost, type Host, type HostOptions, type PartState, type PartStatus } from './host.ts';
export { type LongHandler, longResult, type MayFollow } from './long-operations.ts';
export type {
  ConsumerContext,
  Gather,
  GatheredAnswer,
  GatherOptions,
  MessageContext,
  ReadReply,
  ReplyContext,
  ReplyState,
  Request,
  RequestOptions,
  Send,
  SendOptions,
} from './message-types.ts';
export {
  type CallOptions,
  type Calls,
  type Client,
  type ClosedTx,
  type Emit,
  type EventContext,
  type EventHandler,
  type Fail,
  type HandlerResultOf,
  type MessageHandler,
  type OperationContext,
  type OperationHandler,
  type ReadinessContext,
  type ReplyHandler,
  type ResultOf,
  type RowsOf,
  type Service,
  type ServiceContext,
  type ServiceOptions,
  service,
  type Tx,
  type Uses,
} from './service.ts';
export type { Flows } from './service-flows.ts';
export type { Closable, ResourceContext } from './service-resources.ts';
export { hasDatabase } from './service-runner.ts';
export { topicsOf } from './subscriptions.ts';
export {
  checkSystemPolicies,
  type Edge,
  type EdgeOptions,
  type EdgeRoute,
  type EdgeState,
  type EdgeTls,
  type EventHealth,
  type FlowHealth,
  type PartHealth,
  type ReaderHealth,
  type RunningEdge,
  type System,
  type SystemOptions,
  servicesOf,
  system,
} from './system.ts';

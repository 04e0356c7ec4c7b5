export { policyDocument } from './access/policy-point.ts';
export type { AdvertisedAddress } from './advertised-address.ts';
export type { BackgroundContext, BackgroundTask } from './background.ts';
export { createClient } from './clients.ts';
export type { Engines, ServiceStore } from './engines.ts';
export { chassisErrors } from './errors.ts';
export { describeGraph, type GraphEdge, type GraphNode, type SystemGraph, sendersTo } from './graph.ts';
export { hasDatabase } from './has-database.ts';
export { createHost, type Host } from './host.ts';
export type { HostOptions, OpenCircuit, PartState, PartStatus } from './host-options.ts';
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
export { type BesideOptions, operateBeside } from './operate-beside.ts';
export {
  type EventHandler,
  type MessageHandler,
  type OperationHandler,
  type ReadinessContext,
  type ReplyHandler,
  type Service,
  type ServiceOptions,
  service,
} from './service.ts';
export type {
  CallOptions,
  Calls,
  Client,
  ClosedTx,
  Emit,
  EventContext,
  Fail,
  HandlerResultOf,
  OperationContext,
  ResultOf,
  RowsOf,
  ServiceContext,
  Tx,
  Uses,
} from './service-context.ts';
export type { Flows } from './service-flows.ts';
export type { Closable, ResourceContext } from './service-resources.ts';
export { topicsOf } from './subscriptions.ts';
export {
  checkSystemPolicies,
  type Edge,
  type EdgeOptions,
  type EdgeRoute,
  type EdgeState,
  type EdgeTls,
  type EventHealth,
  everyServiceOf,
  type FlowHealth,
  type PartHealth,
  productionProblems,
  type ReaderHealth,
  type RunningEdge,
  type System,
  type SystemOptions,
  servicesOf,
  system,
} from './system.ts';

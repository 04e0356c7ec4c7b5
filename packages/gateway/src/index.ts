export type { CacheRule } from './cache-rule.ts';
export {
  type ComposeOptions,
  compose,
  type Joined,
  type MissingPart,
  type PartOptions,
  type Parts,
  type Reference,
} from './composition/compose.ts';
export {
  type Asking,
  type AskOptions,
  isOfTheGateway,
  type Join,
  type JoinedOperation,
  type PartAnswer,
  type PartReference,
} from './composition/joined-operation.ts';
export { gatewayErrors } from './errors.ts';
export { type Exposure, expose, type Policies } from './exposure.ts';
export type { Format } from './formats/format.ts';
export { type GatewayOptions, gateway, type UserTokens } from './gateway.ts';
export { type AppRequest, type AppResponse, type HttpApp, httpApp } from './http-app/http-app.ts';
export type { GatewayLimits } from './limits.ts';
export type { Access, Policy, Priority, RoutePolicy } from './policy.ts';
export { toPublicError } from './public-error.ts';
export { type RateKey, type RateLimit, type RateLimitOptions, rateLimit } from './rate-limit.ts';
export {
  type CompareOptions,
  type Forwarding,
  type ForwardOptions,
  forward,
} from './upstreams/forwarding.ts';
export type { WebSocketOptions } from './upstreams/web-socket.ts';
export {
  createTrafficAdmin,
  type Reason,
  type StandingRules,
  type TrafficAdmin,
  type TrafficAdminOptions,
  type WatchedReason,
} from './versions/traffic-admin.ts';

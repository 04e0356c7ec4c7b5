export type { CacheRule } from './cache-rule.ts';
export { gatewayErrors } from './errors.ts';
export { type Exposure, expose, type Policies } from './exposure.ts';
export { type GatewayOptions, gateway, type UserTokens } from './gateway.ts';
export type { GatewayLimits } from './limits.ts';
export type { Access, Policy, Priority, RoutePolicy } from './policy.ts';
export { type RateKey, type RateLimit, type RateLimitOptions, rateLimit } from './rate-limit.ts';

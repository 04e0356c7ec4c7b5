export {
  describeRateLimitStore,
  type RateLimitStoreHarness,
  type RateLimitStoreSuiteOptions,
} from './conformance/describe-rate-limit-store.ts';

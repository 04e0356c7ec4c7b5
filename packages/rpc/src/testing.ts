export type { EndpointHarness, EndpointSuiteOptions } from './conformance/bench.ts';
export { describeEndpoint } from './conformance/describe-endpoint.ts';

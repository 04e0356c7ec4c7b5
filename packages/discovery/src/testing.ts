export { describeRegistry } from './conformance/describe-registry.ts';
export type { RegistryFeatures, RegistryHarness, RegistrySuiteOptions } from './conformance/harness.ts';
export { createMemoryCluster, type MemoryCluster } from './memory-registry.ts';

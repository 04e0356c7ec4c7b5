export {
  type Balancer,
  type BalancerOptions,
  type BalancerStrategy,
  balancerStrategies,
  createBalancer,
} from './balancer.ts';
export { discoveryErrors } from './errors.ts';
export { type Instance, parseInstance } from './instance.ts';
export { createInstanceList, type InstanceList } from './instance-list.ts';
export { createMemoryRegistry, type MemoryRegistryOptions } from './memory-registry.ts';
export type { InstanceStatus, Registration, Registry, ServiceWatch } from './registry.ts';
export { createStaticRegistry } from './static-registry.ts';

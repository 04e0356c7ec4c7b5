export {
  type Balancer,
  type BalancerOptions,
  type BalancerStrategy,
  balancerStrategies,
  createBalancer,
  type Exclude,
} from './balancer.ts';
export { discoveryErrors } from './errors.ts';
export { type Instance, parseInstance, zoneLabel } from './instance.ts';
export { createInstanceList, type InstanceList } from './instance-list.ts';
export { createMemoryRegistry, type MemoryRegistryOptions } from './memory-registry.ts';
export {
  createOutlierDetector,
  type Ejection,
  type OutlierDetector,
  type OutlierOptions,
  type TrackedInstance,
} from './outlier-detector.ts';
export type { InstanceStatus, Registration, Registry, ServiceWatch } from './registry.ts';
export { createStaticRegistry } from './static-registry.ts';
export {
  asksForUser,
  chooseDestination,
  drawDestination,
  type TrafficFacts,
} from './traffic/choose-destination.ts';
export { admits, type Destination, destinationText, instanceLabel } from './traffic/destination.ts';
export { parseServiceTraffic, parseTrafficRules } from './traffic/parse-traffic-rules.ts';
export {
  noTrafficRules,
  type ServiceTraffic,
  type TrafficMatch,
  type TrafficRules,
  trafficDocument,
  type VersionWatch,
  type WeightedDestination,
} from './traffic/traffic-rules.ts';
export { compareVersions, fitsVersion, isVersionText, majorOf } from './traffic/version.ts';
export { overlap, watchedDestinations } from './traffic/watched-destinations.ts';

import { createManualClock } from '@banyan/core/testing';
import { createMemoryRegistry } from '@banyan/discovery';
import { createMemoryCluster, describeRegistry } from '@banyan/discovery/testing';

describeRegistry('memory, one process', {
  async create() {
    return { open: async () => createMemoryRegistry(), close: async () => {} };
  },
  features: { leases: false, sharedByProcesses: false, outages: false },
});

describeRegistry('memory, simulated processes', {
  async create() {
    const clock = createManualClock();
    const cluster = createMemoryCluster({ leaseMs: 5_000, clock });
    return {
      open: async () => cluster.open(),
      crash: async (registry) => cluster.crash(registry),
      setReachable: async (reachable) => cluster.setReachable(reachable),
      advance: async (durationMs) => clock.advance(durationMs),
      close: async () => {},
    };
  },
  features: { leases: true, sharedByProcesses: true, outages: true },
});

import type { Registry } from '../registry.ts';

/** What an implementation of `Registry` claims; the suite runs the tests of each claim. */
export interface RegistryFeatures {
  /** A crashed holder's instances vanish after their lease. Needs `crash`. */
  readonly leases: boolean;
  /** Handles opened separately see each other's instances. */
  readonly sharedByProcesses: boolean;
  /** Goes on with the cached list while the registry is away. Needs `setReachable`. */
  readonly outages: boolean;
}

/** One registry under test, empty at first. */
export interface RegistryHarness {
  /** A handle on the registry; with `sharedByProcesses` each call opens a further one, as another process would. */
  open(): Promise<Registry>;
  /** Ends a handle as `kill -9` of its process would: no renewal, no deregistration. */
  crash?(registry: Registry): Promise<void>;
  /** Cuts every handle off from the registry, or lets it back. */
  setReachable?(reachable: boolean): Promise<void>;
  /** Lets time pass on the harness's own clock. Default: real time passes. */
  advance?(durationMs: number): Promise<void>;
  /** Removes everything; handles may still be open. */
  close(): Promise<void>;
}

export interface RegistrySuiteOptions {
  create(): Promise<RegistryHarness>;
  readonly features: RegistryFeatures;
  /** How long a change may take to reach another handle, in milliseconds. Default 2,000, plus `staleAfterMs` where a lease must run out. */
  readonly propagationMs?: number;
}

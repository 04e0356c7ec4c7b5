import type { ServiceCertificates, ServiceTokens } from '@banyan/auth';
import type { Clock, Logger } from '@banyan/core';
import type { CircuitState } from '@banyan/resilience';
import type { Metrics, Telemetry } from '@banyan/telemetry';
import type { AdvertisedAddress } from './advertised-address.ts';
import type { Engines } from './engines.ts';
import type { EdgeState, EdgeTls, System } from './system.ts';

export interface HostOptions {
  readonly system: System;
  /** Services to run in this process, and `gateway` for the system's edge. */
  readonly parts: readonly string[];
  readonly engines: Engines;
  /** Proof of identity for one service of this process. */
  readonly tokensOf: (service: string) => ServiceTokens;
  /** Certificates of one service of this process, or of `gateway`, for mutual TLS between processes. Default: plain connections. */
  readonly certificatesOf?: (service: string) => ServiceCertificates;
  /** Validated configuration by service. */
  readonly configuration: ReadonlyMap<string, unknown>;
  /** Each service keeps its own files in a folder of its name below. */
  readonly dataFolder: string;
  readonly development: boolean;
  /** Events are delivered twice and calls delayed a little, to show what is not safe to repeat or reorder. */
  readonly harsh: boolean;
  /** Where replies may be posted to, for messages sent with `callback`; see `createCallbackGuard`. Default: nowhere. */
  readonly callbacks?: readonly string[];
  /** Tells instances of one service apart (`1`, `2` …): stable over restarts of this process, unlike any other running one's. */
  readonly instance: string;
  /** Where this process runs: its services are listed with it, and its calls prefer instances of the same zone. Default: all are alike. */
  readonly zone?: string;
  /** Label of this process's instances, such as `canary`: they get no calls from other processes but those that traffic rules send to the label. Default: none. */
  readonly label?: string;
  /** Address of internal ports. */
  readonly internalHost: string;
  /** Port of the service, if this process runs one alone; default: any free port. */
  readonly internalPort?: number;
  /** Where other processes reach the services of this one, if not where they listen; a port is for a process with one service. Default: where they listen. */
  readonly advertised?: AdvertisedAddress;
  /** Health and metrics of the service, or of the gateway, over plain HTTP, if this process runs one alone; for probes that have no certificate. */
  readonly probePort?: number;
  readonly publicHost: string;
  /** See `EdgeOptions.tls`. */
  readonly publicTls?: EdgeTls;
  readonly publicPort: number;
  /** What the edge shares with its replicas; closed by whoever opened it. Default: nothing, each counts in its own memory. */
  readonly edgeState?: EdgeState;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Makes the spans of what runs here; started and stopped by whoever made it. Default: none are made. */
  readonly telemetry?: Pick<Telemetry, 'tracer'>;
  readonly onChange?: (status: PartStatus) => void;
  /** Told of all circuits of this process that are not closed whenever one changes. */
  readonly onCircuits?: (circuits: readonly OpenCircuit[]) => void;
}

/** A service, or `gateway`, that keeps its calls away from instances of another service for a while. */
export interface OpenCircuit {
  readonly from: string;
  /** The service that is called: of several that keep one contract, the one that has the version. */
  readonly to: string;
  /** That is asked for: a major number, or a whole version. */
  readonly version?: string;
  readonly state: Exclude<CircuitState, 'closed'>;
}

export const partStates = ['starting', 'ready', 'waiting', 'stopped'] as const;
/** `waiting`: it could not start and tries again after a back-off. */
export type PartState = (typeof partStates)[number];

export interface PartStatus {
  readonly part: string;
  readonly state: PartState;
  /** `http://host:port`, when ready. */
  readonly url?: string;
  /** Why it is waiting. */
  readonly reason?: string;
}

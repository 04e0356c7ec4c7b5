import { getCallSites } from 'node:util';
import type { RuntimeDocuments } from '@banyan/config';
import type { Contract } from '@banyan/contract';
import { type Clock, isServiceError, type Logger } from '@banyan/core';
import type { Destination } from '@banyan/discovery';
import type { EventLog } from '@banyan/events';
import { checkPolicies, type PolicyDocument, type PolicyProblem, parsePolicies } from '@banyan/policy';
import type { RateLimitStore } from '@banyan/resilience';
import type { Endpoint } from '@banyan/rpc';
import type { Metrics, Tracer } from '@banyan/telemetry';
import type { PolicyPoint } from './access/policy-point.ts';
import { metricProblems } from './check-metrics.ts';
import { outsideProblems } from './check-sagas.ts';
import { keeperProblems, namingProblems, routeProblems } from './check-system.ts';
import type { Service } from './service.ts';
import { versionProblems } from './versions.ts';

/** One route of the system's public door. */
export interface EdgeRoute {
  readonly method: string;
  /** Path with `:name` segments. */
  readonly path: string;
  readonly service: string;
  readonly operation: string;
  /** Of the contract. */
  readonly version: string;
  /** Who may use it, as the edge's own policy words it. */
  readonly policy: string;
  /** Path of the forwarding to an upstream that the operation can take over from. */
  readonly forwarding?: string;
}

/** The door between the system and the world; `gateway()` of `@banyan/gateway` makes one. */
export interface Edge {
  readonly kind: 'edge';
  readonly routes: readonly EdgeRoute[];
  /** `/` answers a browser. */
  readonly hasPage?: boolean;
  /** Every contract that the edge calls. */
  readonly uses: readonly Contract[];
  /** No I/O until `start`. */
  create(options: EdgeOptions): RunningEdge;
}

/** What the replicas of an edge share. */
export interface EdgeState {
  readonly rates: RateLimitStore;
  /** Idempotent. */
  close(): Promise<void>;
}

/** PEM files; those that replace them are used as soon as they are seen. */
export interface EdgeTls {
  /** The certificate, and behind it those that lead to its authority. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface EdgeOptions {
  readonly systemName: string;
  /** The service that keeps the contract of that name, wherever it runs; `to` narrows the choice among its instances. */
  readonly endpoint: (contractName: string, to?: Destination) => Endpoint;
  /** False if no instance of the service is known that would answer for `to`; waits until it is known which there are. Default: always true. */
  readonly isRunning?: (contractName: string, to: Destination) => Promise<boolean>;
  /** Readiness of each part of the system that the edge depends on. */
  readonly health: () => Promise<readonly PartHealth[]>;
  readonly host: string;
  /** 0 lets the operating system choose. */
  readonly port: number;
  readonly development: boolean;
  /** Tells what services have committed. Without it nothing is cached that events make outdated. */
  readonly log?: EventLog;
  /** What operators change while it runs. Without it rules stay as they are declared. */
  readonly documents?: RuntimeDocuments;
  /** Those in force in this process, for answers that it gives without asking a service. Default: there are none. */
  readonly policies?: Pick<PolicyPoint, 'concerns' | 'decide'>;
  /** Closed by whoever opened it. Default: this process's own memory. */
  readonly state?: EdgeState;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Clients speak TLS to the edge, with this certificate. Default: plain HTTP, behind a proxy that ends TLS or on one's own machine. */
  readonly tls?: EdgeTls;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics;
  /** Of the edge. Default: requests leave no spans. */
  readonly tracer?: Tracer | undefined;
}

export interface PartHealth {
  readonly part: string;
  readonly ready: boolean;
  /** Why not, in words for an operator; absent when ready. */
  readonly reason?: string;
  /** How its events stand; absent for a service without any, or one of another process. Being late does not make a service unready. */
  readonly events?: EventHealth;
  readonly sagas?: SagaHealth;
  /** How its subscriptions and projections stand, as far as this process runs them. */
  readonly readers?: readonly ReaderHealth[];
  /** How each kind of flow that it watches fares. */
  readonly flows?: readonly FlowHealth[];
}

/** How a subscription or projection of a service's event store stands. */
export interface ReaderHealth {
  readonly name: string;
  /** False while the oldest event that it has not passed is older than its bound. */
  readonly onTime: boolean;
  /** Positions that it has not passed. */
  readonly lag: number;
  readonly behindMs: number;
  /** Positions that the version that is being built has not passed; absent if none is. */
  readonly building?: number;
  /** Reason of what it failed of last; absent while nothing fails. */
  readonly failing?: string;
}

/** How the flows of one kind fare, as of a few seconds ago. */
export interface FlowHealth {
  readonly flow: string;
  /** False while one is late. */
  readonly onTime: boolean;
  readonly open: number;
  readonly failing: number;
  readonly late: number;
  /** Since the first event of the oldest one that is under way. */
  readonly oldestMs: number;
}

/** How the sagas of a service fare. */
export interface SagaHealth {
  /** False while one needs an operator, or nobody takes one that is due. */
  readonly onTime: boolean;
  readonly stuck: number;
  readonly overdue: number;
  /** Definitions that sagas wait for and that this process does not have: `createOrder@1`. */
  readonly unknown: readonly string[];
}

/** The standing invariants of one service's events, with the figures behind them. */
export interface EventHealth {
  /** False while events wait longer than the bound in the outbox or before the consumer. */
  readonly onTime: boolean;
  readonly outboxBacklog: number;
  readonly outboxOldestAgeMs: number;
  readonly consumerLag: number;
  readonly consumerBehindMs: number;
  readonly deadLetters: number;
  /** Reason of what the consumer, or else the relay, failed of last, such as `position_lost`; absent while nothing fails. */
  readonly failing?: string;
}

export interface RunningEdge {
  /** Opens the public port. @throws ServiceError `failed_precondition` `port_taken` */
  start(): Promise<{ readonly url: string }>;
  /** Stops intake, answers what was accepted, closes. Idempotent. */
  stop(options?: { readonly timeoutMs?: number }): Promise<void>;
}

export interface SystemOptions {
  readonly services: readonly Service[];
  /**
   * Services that run in development and tests only: stand-ins for the outside world. One that has the name and the contract of one of `services` runs
   * there in its place.
   */
  readonly development?: readonly Service[];
  readonly gateway?: Edge;
  /** Who may call what, until an operator sets other policies (`banyan policy set`). Default: nothing is covered. */
  readonly policies?: PolicyDocument;
}

export interface System {
  readonly kind: 'system';
  readonly name: string;
  readonly services: readonly Service[];
  readonly development: readonly Service[];
  readonly gateway: Edge | undefined;
  readonly policies: PolicyDocument | undefined;
  readonly definedAt: string;
}

/**
 * Names the services of a system and its edge. Nothing starts; placement is decided when it runs.
 * @throws TypeError listing every contradiction at once: duplicate names, contracts that no service keeps, routes that collide …
 */
export function system(name: string, options: SystemOptions): System {
  const defined: System = {
    kind: 'system',
    name,
    services: options.services,
    development: options.development ?? [],
    gateway: options.gateway,
    policies: options.policies,
    definedAt: getCallSites(2)[1]?.scriptName ?? '',
  };
  const problems = new Set([
    ...namingProblems(defined),
    ...routeProblems(defined.gateway),
    ...keeperProblems(everyServiceOf(defined), defined),
    ...problemsOf(servicesOf(defined, true)),
    ...problemsOf(defined.services),
    ...policyProblems(defined),
  ]);
  if (problems.size > 0) {
    throw new TypeError(`system '${name}':\n${[...problems].map((problem) => `  - ${problem}`).join('\n')}`);
  }
  return defined;
}

/** What contradicts itself among services that run together. */
function problemsOf(services: readonly Service[]): readonly string[] {
  return [...versionProblems(services), ...outsideProblems(services), ...metricProblems(services)];
}

/**
 * What parts of the system need in production and no service of it keeps there, one sentence each. A stand-in keeps nothing in production. A service whose
 * instances run in another system counts as kept if it is one of `services`: callers know it by its contract, and find it through the registry.
 * @param parts names of services, and `gateway`. Default: all that production has
 */
export function productionProblems(defined: System, parts?: readonly string[]): readonly string[] {
  const kept = servicesOf(defined, false);
  const isAsked = (part: string) => parts?.includes(part) ?? true;
  const asking = {
    services: kept.filter(({ name }) => isAsked(name)),
    gateway: isAsked('gateway') ? defined.gateway : undefined,
  };
  return keeperProblems(kept, asking).map((problem) => `in production ${problem}`);
}

/** @throws ServiceError `invalid_argument` `invalid_policies` if `document` does not fit the services of the system */
export function checkSystemPolicies(
  defined: Pick<System, 'services' | 'development'>,
  value: unknown,
): PolicyDocument {
  const services = everyServiceOf(defined);
  const contracts = services.map(({ contract }) => contract);
  const document = parsePolicies(value);
  // A further version of a service calls under its own name.
  checkPolicies(document, { contracts, callers: ['gateway', ...services.map(({ name }) => name)] });
  return document;
}

/** The services of a system as it runs: in development with the stand-ins, and without those whose place they take; in production without stand-ins. */
export function servicesOf(defined: System, development: boolean): readonly Service[] {
  if (!development) return defined.services;
  const standIns = new Set(defined.development.map(({ name }) => name));
  return [...defined.services.filter(({ name }) => !standIns.has(name)), ...defined.development];
}

/** All definitions of a system, those of production first: two of one name where a stand-in takes the place of a service. */
export function everyServiceOf(defined: Pick<System, 'services' | 'development'>): readonly Service[] {
  return [...defined.services, ...defined.development];
}

function policyProblems(defined: System): string[] {
  if (defined.policies === undefined) return [];
  try {
    checkSystemPolicies(defined, defined.policies);
    return [];
  } catch (error) {
    if (!isServiceError(error)) throw error;
    return (error.details as readonly PolicyProblem[]).map(
      ({ at, problem }) => `policies: ${at}: ${problem}.`,
    );
  }
}

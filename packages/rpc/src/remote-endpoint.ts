import type { ServiceCertificates, ServiceTokens } from '@banyan/auth';
import { type Contract, isStreaming, type Operation, type Upload } from '@banyan/contract';
import { type CallContext, type Clock, type Logger, silentLogger, systemClock } from '@banyan/core';
import { createBalancer, type Instance, type ServiceWatch } from '@banyan/discovery';
import {
  type Backoff,
  type Bulkhead,
  type CircuitBreakerOptions,
  createBackoff,
  createBulkhead,
  createCircuitBreaker,
  createRetryBudget,
  type RetryBudget,
  type RetryBudgetOptions,
} from '@banyan/resilience';
import type { Metrics } from '@banyan/telemetry';
import { claimCallContext } from './call-context.ts';
import { type ClientMetrics, createClientMetrics } from './client/client-metrics.ts';
import { RemoteCall } from './client/remote-call.ts';
import { createRemoteInstance, type RemoteInstance } from './client/remote-instance.ts';
import type { RemoteService } from './client/remote-service.ts';
import { createTransport, type Transport } from './client/transport.ts';
import type { Endpoint } from './endpoint.ts';
import { unknownOperation } from './handler-error.ts';
import { encodeInput } from './json-value.ts';
import { connectLane } from './lane/connect-lane.ts';

export interface RemoteEndpointOptions {
  readonly contract: Contract;
  /** Where the instances are; see `Registry.watch`. */
  readonly watch: Pick<ServiceWatch, 'instances' | 'onChange'>;
  /** Proof of identity, as the calling service. */
  readonly tokens: ServiceTokens;
  /** Of the calling service. With them every connection is mutual TLS, and an instance at an `http://` address is not called. */
  readonly certificates?: ServiceCertificates;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  /** False: every call is an HTTP request. Default true: JSON operations share one connection per instance. */
  readonly lane?: boolean;
  /** Calls to the service at once. Default 1,024. */
  readonly maxConcurrent?: number;
  /** Calls that wait for their turn beyond that. Default 1,024. */
  readonly maxQueued?: number;
  /** Including the first. Default 3. */
  readonly maxAttempts?: number;
  /** One breaker per instance. */
  readonly breaker?: Pick<
    CircuitBreakerOptions,
    'consecutiveTimeouts' | 'errorRate' | 'minimumCalls' | 'windowMs' | 'openForMs'
  >;
  readonly retryBudget?: Pick<RetryBudgetOptions, 'ratio' | 'minPerSecond' | 'capacity'>;
  /** Default 64 MiB of JSON. */
  readonly maxResponseBytes?: number;
  /** How often a lane is checked, and its proof of identity renewed if need be. Default 10,000. */
  readonly pingIntervalMs?: number;
}

/**
 * A service behind the network as an endpoint. Picks the instance with fewer requests of two random ones, leaving out those
 * that refuse connections or whose circuit is open; repeats a call, within a budget, only where that does no harm.
 * Opens connections when calls need them.
 */
export interface RemoteEndpoint extends Endpoint {
  /** Closes all connections; calls in flight fail with `connection_lost`. Idempotent. */
  close(): void;
}

export function createRemoteEndpoint(options: RemoteEndpointOptions): RemoteEndpoint {
  return new BalancedEndpoint(options);
}

class BalancedEndpoint implements RemoteEndpoint, RemoteService {
  readonly contract: Contract;
  readonly name: string;
  readonly tokens: ServiceTokens;
  readonly clock: Clock;
  readonly bulkhead: Bulkhead;
  readonly backoff: Backoff;
  readonly budget: RetryBudget;
  readonly transport: Transport;
  readonly lane: boolean;
  readonly maxAttempts: number;
  readonly maxResponseBytes: number;
  readonly metrics: ClientMetrics | undefined;
  readonly #options: RemoteEndpointOptions;
  readonly #logger: Logger;
  readonly #operations: ReadonlyMap<string, Operation>;
  readonly #balancer = createBalancer<RemoteInstance>({
    strategy: 'least_requests',
    requestsInFlight: (candidate) => candidate.inFlight,
  });
  readonly #reconnect = createBackoff({ initialDelayMs: 100, maxDelayMs: 5_000 });
  readonly #waiting = new Set<() => void>();
  readonly #unwatch: () => void;
  #listed: readonly Instance[] = [];
  #candidates: RemoteInstance[] = [];
  #closed = false;

  constructor(options: RemoteEndpointOptions) {
    this.#options = options;
    this.contract = options.contract;
    this.name = options.contract.name;
    this.tokens = options.tokens;
    this.transport = createTransport(this.name, options.certificates);
    this.clock = options.clock ?? systemClock;
    this.lane = options.lane ?? true;
    this.maxAttempts = options.maxAttempts ?? 3;
    this.maxResponseBytes = options.maxResponseBytes ?? 67_108_864;
    this.#logger = options.logger ?? silentLogger;
    this.metrics = options.metrics === undefined ? undefined : createClientMetrics(options.metrics, options);
    this.bulkhead = createBulkhead({
      maxConcurrent: options.maxConcurrent ?? 1_024,
      maxQueued: options.maxQueued ?? 1_024,
    });
    this.backoff = createBackoff();
    this.budget = createRetryBudget({ clock: this.clock, ...options.retryBudget });
    this.#operations = new Map(Object.entries(options.contract.operations));
    this.#unwatch = options.watch.onChange(() => this.#onChange());
  }

  call(name: string, input: unknown, context: CallContext, upload?: Upload): Promise<unknown> {
    const operation = this.#operations.get(name);
    if (operation === undefined) return Promise.reject(unknownOperation(this.name, name));
    return new Promise((resolve, reject) => {
      const viaLane = this.lane && !isStreaming(operation);
      // Written before the context is claimed: an input that cannot be sent makes no call.
      const inputJson = viaLane ? encodeInput(input) : '';
      const scope = claimCallContext(context, operation.timeoutMs);
      new RemoteCall(this, { operation, input, inputJson, scope, upload, resolve, reject }).start();
    });
  }

  instances(): readonly RemoteInstance[] {
    const listed = this.#options.watch.instances();
    if (listed !== this.#listed) this.#follow(listed);
    return this.#candidates;
  }

  pick(): RemoteInstance | undefined {
    const candidates = this.instances();
    const first = candidates[0];
    if (candidates.length === 1 && first !== undefined) return first.breaker.available ? first : undefined;
    return (
      this.#balancer.pick(candidates, (candidate) => !candidate.reachable || !candidate.breaker.available) ??
      this.#balancer.pick(candidates, (candidate) => !candidate.breaker.available)
    );
  }

  onNextChange(listener: () => void): () => void {
    this.#waiting.add(listener);
    return () => this.#waiting.delete(listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unwatch();
    for (const candidate of this.#candidates) candidate.destroy();
    this.transport.close();
  }

  #onChange(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const listener of waiting) listener();
  }

  #follow(listed: readonly Instance[]): void {
    this.#listed = listed;
    const before = new Map(this.#candidates.map((candidate) => [candidate.instance.id, candidate]));
    this.#candidates = listed.filter(this.#speaksLikeUs).map((instance) => {
      const known = before.get(instance.id);
      before.delete(instance.id);
      return known?.instance.url === instance.url ? known : this.#add(instance);
    });
    for (const gone of before.values()) gone.retire();
  }

  /** Nobody may talk this caller out of TLS by writing another address into the registry. */
  readonly #speaksLikeUs = ({ url }: Instance): boolean => {
    const { scheme } = this.transport;
    if (url.startsWith(scheme)) return true;
    this.#logger.warn(
      `an instance of ${this.name} is not called: its address does not begin with ${scheme}`,
      {
        callee: this.name,
        url,
      },
    );
    return false;
  };

  #add(instance: Instance): RemoteInstance {
    const { name, clock, tokens, transport, maxResponseBytes } = this;
    const logger = this.#logger;
    return createRemoteInstance({
      instance,
      clock,
      backoff: this.#reconnect,
      breaker: createCircuitBreaker({
        ...this.#options.breaker,
        clock,
        name: `'${name}' at ${instance.url}`,
        onTransition: ({ from, to }) => {
          this.metrics?.transition(to);
          logger.warn(`circuit to ${name} is ${to}`, { callee: name, url: instance.url, from, to });
        },
      }),
      connect: ({ url }) => {
        const pingIntervalMs = this.#options.pingIntervalMs ?? 10_000;
        return connectLane({
          url,
          transport,
          service: name,
          tokens,
          clock,
          logger,
          maxResponseBytes,
          pingIntervalMs,
        });
      },
    });
  }
}

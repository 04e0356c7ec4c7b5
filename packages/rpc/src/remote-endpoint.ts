import type { ServiceCertificates, ServiceTokens } from '@banyan/auth';
import { type Contract, isStreaming, type Upload } from '@banyan/contract';
import { type CallContext, type Clock, type Logger, silentLogger, systemClock } from '@banyan/core';
import {
  createOutlierDetector,
  type Instance,
  type OutlierDetector,
  type OutlierOptions,
  type ServiceWatch,
} from '@banyan/discovery';
import {
  type Backoff,
  type Bulkhead,
  type CircuitBreakerOptions,
  type CircuitState,
  createBackoff,
  createBulkhead,
  createCircuitBreaker,
  createRetryBudget,
  type RetryBudget,
  type RetryBudgetOptions,
} from '@banyan/resilience';
import { endRejected, type Metrics, type Span, type Tracer } from '@banyan/telemetry';
import { claimCallContext, type RunnableCallContext } from './call-context.ts';
import { type ClientMetrics, createClientMetrics } from './client/client-metrics.ts';
import { HedgedCall } from './client/hedged-call.ts';
import { createInstancePicker, type InstancePicker, type PickRequest } from './client/instance-picker.ts';
import { RemoteCall } from './client/remote-call.ts';
import { createRemoteInstance, type RemoteInstance } from './client/remote-instance.ts';
import { createRemoteOperation, type RemoteOperation } from './client/remote-operation.ts';
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
  /** Which of them are called. Default: all. */
  readonly admits?: (instance: Instance) => boolean;
  /** Proof of identity, as the calling service. */
  readonly tokens: ServiceTokens;
  /** Of the calling service. With them every connection is mutual TLS, and an instance at an `http://` address is not called. */
  readonly certificates?: ServiceCertificates;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  /** Of the calling service. Default: its calls leave no spans. */
  readonly tracer?: Tracer | undefined;
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
  /** Told the state of the worst circuit among the instances whenever it is another one; the circuit of an instance that is not listed any more is gone. */
  readonly onCircuit?: (state: CircuitState) => void;
  /** When an instance that is slower than the others, or fails more, is left out, and how long. */
  readonly outliers?: Omit<OutlierOptions, 'clock' | 'onEjection'>;
  /** Where this caller runs. Instances with the same `zone` in their metadata are preferred. Default: all are alike. */
  readonly zone?: string | undefined;
  readonly retryBudget?: Pick<RetryBudgetOptions, 'ratio' | 'minPerSecond' | 'capacity'>;
  /** Default 64 MiB of JSON. */
  readonly maxResponseBytes?: number;
  /** How often a lane is checked, and its proof of identity renewed if need be. Default 10,000. */
  readonly pingIntervalMs?: number;
}

/**
 * A service behind the network as an endpoint. Picks an instance as the operation's `balance` says, leaving out those that refuse
 * connections, whose circuit is open, or that are much worse than the others; repeats a call, within a budget and if possible elsewhere,
 * only where that does no harm.
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
  readonly #operations: ReadonlyMap<string, RemoteOperation>;
  readonly #picker: InstancePicker;
  readonly #outliers: OutlierDetector;
  readonly #reconnect = createBackoff({ initialDelayMs: 100, maxDelayMs: 5_000 });
  readonly #waiting = new Set<() => void>();
  readonly #unwatch: () => void;
  #listed: readonly Instance[] = [];
  #candidates: RemoteInstance[] = [];
  #circuit: CircuitState = 'closed';
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
    this.#operations = new Map(
      Object.entries(options.contract.operations).map(([name, each]) => [name, createRemoteOperation(each)]),
    );
    this.#picker = createInstancePicker(options.zone);
    this.#outliers = this.#watchOutliers();
    const forgetInstances = options.watch.onChange(() => this.#onChange());
    const forgetCircuits = this.metrics?.watchCircuits(
      () => this.#candidates.filter(({ breaker }) => breaker.state !== 'closed').length,
    );
    this.#unwatch = () => {
      forgetInstances();
      forgetCircuits?.();
    };
  }

  call(name: string, input: unknown, context: CallContext, upload?: Upload): Promise<unknown> {
    const remote = this.#operations.get(name);
    if (remote === undefined) return Promise.reject(unknownOperation(this.name, name));
    return new Promise((answer, fail) => {
      const { operation } = remote;
      const viaLane = this.lane && !isStreaming(operation);
      // Written before the context is claimed: an input that cannot be sent makes no call.
      const inputJson = viaLane ? encodeInput(input) : '';
      const scope = claimCallContext(context, operation.timeoutMs);
      const span = this.#startSpan(remote, scope);
      const { resolve, reject } =
        span === undefined ? { resolve: answer, reject: fail } : ending(span, answer, fail);
      const call = { remote, input, inputJson, scope, span, upload, resolve, reject };
      const hedgeAfterMs = operation.hedge && this.compares ? remote.hedgeAfterMs() : undefined;
      if (hedgeAfterMs === undefined) new RemoteCall(this, call).start();
      else new HedgedCall(this, call).start(hedgeAfterMs);
    });
  }

  #startSpan(remote: RemoteOperation, scope: RunnableCallContext): Span | undefined {
    const { tracer } = this.#options;
    return tracer && scope.startSpan(tracer, remote.spans.of(scope.caller.service));
  }

  instances(): readonly RemoteInstance[] {
    const listed = this.#options.watch.instances();
    if (listed !== this.#listed) this.#follow(listed);
    return this.#candidates;
  }

  get compares(): boolean {
    return this.#candidates.length > 1;
  }

  pick(request: PickRequest): RemoteInstance | undefined {
    return this.#picker.pick(this.instances(), request);
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
    this.#candidates = [];
    this.#tellCircuit();
    this.transport.close();
  }

  #onChange(): void {
    // Otherwise the next call is soon enough.
    if (this.#circuit !== 'closed') this.instances();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const listener of waiting) listener();
  }

  #follow(listed: readonly Instance[]): void {
    this.#listed = listed;
    const before = new Map(this.#candidates.map((candidate) => [candidate.instance.id, candidate]));
    this.#candidates = listed.filter(this.#mayCall).map((instance) => {
      const known = before.get(instance.id);
      before.delete(instance.id);
      return known?.instance.url === instance.url ? known : this.#add(instance);
    });
    for (const gone of before.values()) gone.retire();
    this.#tellCircuit();
  }

  #tellCircuit(): void {
    const states = new Set(this.#candidates.map(({ breaker }) => breaker.state));
    const worst = states.has('open') ? 'open' : states.has('half_open') ? 'half_open' : 'closed';
    if (worst === this.#circuit) return;
    this.#circuit = worst;
    this.#options.onCircuit?.(worst);
  }

  readonly #mayCall = (instance: Instance): boolean =>
    (this.#options.admits?.(instance) ?? true) && this.#speaksLikeUs(instance);

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

  #watchOutliers(): OutlierDetector {
    const { name } = this;
    return createOutlierDetector({
      ...this.#options.outliers,
      clock: this.clock,
      onEjection: ({ id, cause, forMs }) => {
        this.metrics?.ejected(cause);
        this.#logger.warn(`an instance of ${name} is left out: it is ${cause}`, { callee: name, id, forMs });
      },
    });
  }

  #add(instance: Instance): RemoteInstance {
    const { name, clock, tokens, transport, maxResponseBytes } = this;
    const logger = this.#logger;
    return createRemoteInstance({
      instance,
      clock,
      backoff: this.#reconnect,
      outlier: this.#outliers.track(instance.id),
      breaker: createCircuitBreaker({
        ...this.#options.breaker,
        clock,
        name: `'${name}' at ${instance.url}`,
        onTransition: ({ from, to }) => {
          this.metrics?.transition(to);
          this.#tellCircuit();
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

function ending(
  span: Span,
  answer: (output: unknown) => void,
  fail: (error: unknown) => void,
): { readonly resolve: (output: unknown) => void; readonly reject: (error: unknown) => void } {
  return {
    resolve(output) {
      span.end();
      answer(output);
    },
    reject(error) {
      endRejected(span, error);
      fail(error);
    },
  };
}

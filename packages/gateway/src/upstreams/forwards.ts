import type { EdgeOptions } from '@banyan/chassis';
import type { CallEnvironment } from '@banyan/rpc';
import type { ExposedRoute } from '../exposure.ts';
import type { RateLimit } from '../rate-limit.ts';
import { invalidPath, readLeniently } from '../request-target.ts';
import type { RouteRates } from '../route-rates.ts';
import type { Target } from '../target.ts';
import type { UserAuthentication } from '../user-authentication.ts';
import { createForwardMetrics, type ForwardMetrics } from './forward-metrics.ts';
import { createForwardTarget, type ForwardTarget } from './forward-target.ts';
import type { Forwarding } from './forwarding.ts';
import { createParallelRun } from './parallel-run.ts';
import type { RelayEnvironment } from './relay.ts';
import { createStranglerTarget } from './strangler-target.ts';
import { createUpstreamGroup } from './upstream-group.ts';

/** All forwardings of a running gateway. */
export interface Forwards {
  /**
   * The forwarding with the longest prefix that `path` is under.
   * @throws ServiceError `invalid_argument` `invalid_path` for a path that only some upstreams would read as one under that prefix
   */
  find(path: string): ForwardTarget | undefined;
  /** What answers the requests of an exposed operation: itself, or it and the upstream that it takes over from. */
  replacing(route: ExposedRoute, own: Target): Target;
  /** Some forwarding lets WebSockets through. */
  readonly takesWebSockets: boolean;
  drain(): void;
  close(): void;
}

export interface ForwardsOptions {
  readonly forwardings: readonly Forwarding[];
  readonly authentication: UserAuthentication;
  readonly ratesOf: (route: string, limits: readonly RateLimit[], cost: number) => RouteRates;
  readonly environment: Required<CallEnvironment>;
  readonly edge: Pick<EdgeOptions, 'endpoint' | 'logger' | 'clock' | 'metrics'>;
}

interface Running {
  readonly forwarding: Forwarding;
  readonly target: ForwardTarget;
  readonly metrics: ForwardMetrics;
}

export function createForwards(options: ForwardsOptions): Forwards {
  return new RunningForwards(options);
}

class RunningForwards implements Forwards {
  readonly takesWebSockets: boolean;
  readonly #options: ForwardsOptions;
  /** The longest prefix first. */
  readonly #running: readonly Running[];

  constructor(options: ForwardsOptions) {
    this.#options = options;
    this.#running = [...options.forwardings]
      .sort((one, other) => other.prefix.length - one.prefix.length)
      .map((forwarding) => this.#run(forwarding));
    this.takesWebSockets = options.forwardings.some((each) => each.options.webSocket !== undefined);
  }

  find(path: string): ForwardTarget | undefined {
    const read = readLeniently(path);
    const running = this.#running.find(({ forwarding }) => covers(forwarding, read));
    if (running !== undefined && !covers(running.forwarding, path)) throw invalidPath();
    return running?.target;
  }

  replacing({ contract, operation, policy }: ExposedRoute, own: Target): Target {
    const running = this.#running.find(({ forwarding }) => covers(forwarding, operation.path));
    const { moved, compare } = running?.forwarding.options ?? {};
    if (running === undefined || (moved === undefined && compare === undefined)) return own;
    const { edge, environment, authentication } = this.#options;
    return createStranglerTarget({
      forwarding: running.forwarding,
      old: running.target,
      find: (path) => this.find(path),
      own,
      authentication,
      parallelRun:
        compare &&
        createParallelRun({
          operation,
          access: policy.access,
          endpoint: edge.endpoint(contract.name),
          compare,
          environment,
          logger: edge.logger,
          onOutcome: (outcome) => running.metrics.compared(outcome),
        }),
    });
  }

  drain(): void {
    for (const { target } of this.#running) target.drain();
  }

  close(): void {
    for (const { target } of this.#running) target.close();
  }

  #run(forwarding: Forwarding): Running {
    const { authentication, ratesOf, edge, environment } = this.#options;
    const { path, urls, options } = forwarding;
    const metrics = createForwardMetrics(edge.metrics, path);
    const { clock, wheel } = environment;
    const relay: RelayEnvironment = {
      group: createUpstreamGroup(urls, {
        connectTimeoutMs: options.connectTimeoutMs ?? 2_000,
        maxConnections: options.maxConnections ?? 1_024,
        clock,
        wheel,
        onCircuit: ({ name }, to) => {
          metrics.circuit(name, to);
          edge.logger.warn('circuit of an upstream has changed', { upstream: name, route: path, to });
        },
      }),
      timeoutMs: options.timeoutMs ?? 30_000,
      idleTimeoutMs: options.idleTimeoutMs ?? 60_000,
      maxBodyBytes: options.maxBodyBytes ?? 64 * 1_048_576,
      maxHeaderBytes: options.maxHeaderBytes ?? 32_768,
      clock,
      wheel,
      logger: edge.logger,
      metrics,
      endless: new Set(),
    };
    const rates = ratesOf(`ANY ${path}`, options.rates ?? [], options.cost ?? 1);
    return { forwarding, target: createForwardTarget({ forwarding, authentication, rates, relay }), metrics };
  }
}

/** Both are normalised, so that what is compared here is what the upstream gets. */
function covers({ prefix, isPrefix }: Forwarding, path: string): boolean {
  if (!isPrefix) return path === prefix;
  return path.startsWith(prefix) || path === prefix.slice(0, -1);
}

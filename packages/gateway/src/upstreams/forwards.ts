import type { EdgeOptions } from '@banyan/chassis';
import { isBinary, type Operation } from '@banyan/contract';
import { isServiceError } from '@banyan/core';
import type { Destination } from '@banyan/discovery';
import type { CallEnvironment } from '@banyan/rpc';
import type { Exchange } from '../exchange.ts';
import type { ExposedRoute } from '../exposure.ts';
import type { RateLimit } from '../rate-limit.ts';
import { invalidPath, readLeniently } from '../request-target.ts';
import type { RouteRates } from '../route-rates.ts';
import type { Target } from '../target.ts';
import type { UserAuthentication } from '../user-authentication.ts';
import type { Traffic } from '../versions/traffic.ts';
import type { VersionChoice, Way } from '../versions/version-choice.ts';
import { perWay } from '../versions/versioned-target.ts';
import { createForwardMetrics, type ForwardMetrics } from './forward-metrics.ts';
import { createForwardTarget, type ForwardTarget } from './forward-target.ts';
import { byLength, type CompareOptions, covers, type Forwarding } from './forwarding.ts';
import { createParallelRun, type ParallelRun } from './parallel-run.ts';
import type { RelayEnvironment } from './relay.ts';
import type { ShadowCall } from './shadow-call.ts';
import { createStranglerTarget } from './strangler-target.ts';
import { createTurnEnd } from './turn-end.ts';
import { createUpstreamGroup } from './upstream-group.ts';

/** All forwardings of a running gateway. */
export interface Forwards {
  /**
   * The forwarding with the longest prefix that `path` is under.
   * @throws ServiceError `invalid_argument` `invalid_path` for a path that only some upstreams would read as one under that prefix
   */
  find(path: string): ForwardTarget | undefined;
  /** What answers the requests of an exposed operation: itself, or it and the upstream that it takes over from. */
  replacing(own: Target, takeover: Takeover): Target;
  /** Some forwarding lets WebSockets through. */
  readonly takesWebSockets: boolean;
  drain(): void;
  close(): void;
}

/** An operation that can take over from an upstream. */
export interface Takeover {
  /** Of the lowest version. */
  readonly operation: Operation;
  /** Some version is for signed-in users alone. */
  readonly needsUser: boolean;
  readonly choice: VersionChoice;
  readonly createShadow: (route: ExposedRoute, to: Destination) => ShadowCall;
}

export interface ForwardsOptions {
  readonly forwardings: readonly Forwarding[];
  readonly authentication: UserAuthentication;
  readonly ratesOf: (route: string, limits: readonly RateLimit[], cost: number) => RouteRates;
  readonly traffic: Traffic;
  readonly environment: Required<CallEnvironment>;
  readonly edge: Pick<EdgeOptions, 'logger' | 'metrics'>;
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
  readonly #turnEnd = createTurnEnd();
  /** The longest prefix first. */
  readonly #running: readonly Running[];

  constructor(options: ForwardsOptions) {
    this.#options = options;
    this.#running = byLength(options.forwardings).map((forwarding) => this.#run(forwarding));
    this.takesWebSockets = options.forwardings.some((each) => each.options.webSocket !== undefined);
  }

  find(path: string): ForwardTarget | undefined {
    const read = readLeniently(path);
    const running = this.#running.find(({ forwarding }) => covers(forwarding, read));
    if (running !== undefined && !covers(running.forwarding, path)) throw invalidPath();
    return running?.target;
  }

  replacing(own: Target, takeover: Takeover): Target {
    const { path: template } = takeover.operation;
    const running = this.#running.find(({ forwarding }) => covers(forwarding, template));
    if (running === undefined) return own;
    const { authentication, traffic } = this.#options;
    const { path, options } = running.forwarding;
    const { moved: declared = 100 } = options;
    return createStranglerTarget({
      forwarding: running.forwarding,
      moved: () => traffic.movedOf(path) ?? (typeof declared === 'number' ? declared : declared()),
      old: running.target,
      find: (asked) => this.find(asked),
      own,
      needsUser: takeover.needsUser,
      authentication,
      parallelRun: options.compare && this.#compare(takeover, options.compare, running),
    });
  }

  #compare(
    { operation, choice, createShadow }: Takeover,
    compare: CompareOptions,
    running: Running,
  ): ParallelRun | undefined {
    if (isBinary(operation.output) || operation.upload !== undefined) return undefined;
    const shadows = perWay(createShadow);
    return createParallelRun({
      method: operation.method,
      compare,
      async ask(request) {
        const way = await choiceOf(choice, request.exchange);
        if (way === undefined) return undefined;
        const params = choice.paramsFor(way.route, request.params);
        const answer = await shadows(way).ask({ ...request, params });
        return answer && { ...answer, operation: way.route.operation.name };
      },
      logger: this.#options.edge.logger,
      onOutcome: (outcome) => running.metrics.compared(outcome),
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
      turnEnd: this.#turnEnd,
      logger: edge.logger,
      metrics,
      endless: new Set(),
    };
    const rates = ratesOf(`ANY ${path}`, options.rates ?? [], options.cost ?? 1);
    return { forwarding, target: createForwardTarget({ forwarding, authentication, rates, relay }), metrics };
  }
}

/** Undefined where what the request says of versions is not meant for us. */
async function choiceOf(choice: VersionChoice, exchange: Exchange): Promise<Way | undefined> {
  try {
    return await choice.choose(exchange);
  } catch (error) {
    if (!isServiceError(error)) throw error;
    return undefined;
  }
}

import { type Destination, destinationText } from '@banyan/discovery';
import type { Exchange } from '../exchange.ts';
import type { ExposedRoute } from '../exposure.ts';
import type { Target } from '../target.ts';
import type { PathParams, VersionChoice, Way } from './version-choice.ts';

export interface VersionedTargetOptions {
  /** Path template of the route. */
  readonly route: string;
  readonly choice: VersionChoice;
  /** Clients can ask for another version than they would get. */
  readonly hasChoice: boolean;
  /** Answers the requests of one version that go to these instances. */
  readonly createTarget: (route: ExposedRoute, to: Destination) => Target;
}

/** Passes each request to the version that answers it. */
export function createVersionedTarget(options: VersionedTargetOptions): Target {
  return new VersionedTarget(options);
}

class VersionedTarget implements Target {
  readonly route: string;
  readonly hasVersions = true;
  readonly #options: VersionedTargetOptions;
  readonly #targets: (way: Way) => Target;

  constructor(options: VersionedTargetOptions) {
    this.route = options.route;
    this.#options = options;
    this.#targets = perWay(options.createTarget);
  }

  get isOn(): boolean {
    return this.#options.choice.isOn;
  }

  handle(exchange: Exchange, params: PathParams): Promise<void> | undefined {
    const way = this.#options.choice.choose(exchange);
    if (!(way instanceof Promise)) return this.#pass(exchange, params, way);
    return way.then((chosen) => this.#pass(exchange, params, chosen));
  }

  #pass(exchange: Exchange, params: PathParams, way: Way): Promise<void> | undefined {
    const { choice, hasChoice } = this.#options;
    const { version = '' } = way.to;
    exchange.answeringVersion = /^\d+\.\d+\.\d+/.test(version) ? version : way.exposed.version;
    exchange.hasVersions = hasChoice;
    return this.#targets(way).handle(exchange, choice.paramsFor(way.route, params));
  }
}

/** Makes what each way needs when it is first gone; as many as rules have named. */
export function perWay<Made>(create: (route: ExposedRoute, to: Destination) => Made): (way: Way) => Made {
  const made = new Map<string, Made>();
  return ({ route, exposed, to }) => {
    const key = `${exposed.version} ${destinationText(to)}`;
    let found = made.get(key);
    if (found === undefined) {
      found = create(route, to);
      made.set(key, found);
    }
    return found;
  };
}

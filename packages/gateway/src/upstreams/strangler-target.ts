import { isServiceError } from '@banyan/core';
import type { Exchange } from '../exchange.ts';
import type { Target } from '../target.ts';
import type { UserAuthentication } from '../user-authentication.ts';
import type { ForwardTarget } from './forward-target.ts';
import type { Forwarding } from './forwarding.ts';
import type { ParallelRun } from './parallel-run.ts';
import { isAmong } from './sticky-share.ts';

export interface StranglerTargetOptions {
  readonly forwarding: Forwarding;
  /** Of each hundred clients, those that have moved; as operators say, or else as it is declared. */
  readonly moved: () => number;
  readonly old: ForwardTarget;
  /** The forwarding of a path; one that an operation's path has a name in can be under a narrower one than the operation. */
  readonly find: (path: string) => ForwardTarget | undefined;
  /** The operation that takes over, in all its versions. */
  readonly own: Target;
  /** Some version of it is for signed-in users alone. */
  readonly needsUser: boolean;
  readonly parallelRun: ParallelRun | undefined;
  readonly authentication: UserAuthentication;
}

/** Anything else says nothing of who asks: to take them for nobody could send a user who has moved back to the old system. */
const refusals: ReadonlySet<string> = new Set(['unauthenticated', 'permission_denied']);

type Params = Readonly<Record<string, string>>;

/** Lets an operation take over from an upstream, client by client (Fowler, Strangler Fig Application). */
export function createStranglerTarget(options: StranglerTargetOptions): Target {
  return new Strangler(options);
}

class Strangler implements Target {
  readonly route: string;
  readonly hasVersions = true;
  readonly #options: StranglerTargetOptions;

  constructor(options: StranglerTargetOptions) {
    this.route = options.own.route;
    this.#options = options;
  }

  get isOn(): boolean {
    return this.#options.own.isOn !== false;
  }

  handle(exchange: Exchange, params: Params): Promise<void> | undefined {
    const { own, moved } = this.#options;
    const percent = moved();
    // What is off is off everywhere.
    if (percent >= 100 || !this.isOn) return own.handle(exchange, params);
    if (!(percent > 0)) return this.#askOld(exchange, params);
    const user = this.#userOf(exchange);
    return user instanceof Promise
      ? user.then((known) => this.#choose(exchange, params, { percent, user: known }))
      : this.#choose(exchange, params, { percent, user });
  }

  #choose(
    exchange: Exchange,
    params: Params,
    { percent, user }: { readonly percent: number; readonly user: string | undefined },
  ): Promise<void> | undefined {
    const key = user === undefined ? `address ${exchange.client}` : `user ${user}`;
    return isAmong(percent, key, this.#options.forwarding.path)
      ? this.#options.own.handle(exchange, params)
      : this.#askOld(exchange, params);
  }

  /** Versions are ours: the old system gets the path and the query as the client wrote them. */
  #askOld(exchange: Exchange, params: Params): Promise<void> | undefined {
    const { own, old, find, parallelRun } = this.#options;
    const { path, pathVersion } = exchange;
    const asWritten = pathVersion === undefined ? path : `/v${pathVersion}${path}`;
    const target = find(asWritten);
    // A path below a version is one of the old system only if that has such paths.
    if (target === undefined) return own.handle(exchange, params);
    exchange.path = asWritten;
    return target.handle(
      exchange,
      params,
      target === old ? parallelRun?.copyOf(exchange, params) : undefined,
    );
  }

  /**
   * Who is signed in stays on the same side wherever they are. Whether they may do what they ask for is not decided here.
   * @throws ServiceError `unauthenticated` `expired_token` where the operation needs a user; or why it cannot be known now who they are
   */
  #userOf({ request, trace }: Exchange): string | undefined | Promise<string | undefined> {
    const { authentication } = this.#options;
    try {
      if (request.headers.authorization === undefined && authentication.sessionOf(request) === undefined)
        return undefined;
      const caller = authentication.authenticate(request, 'user', trace);
      if (!(caller instanceof Promise)) return caller.user?.id;
      return caller.then(
        (verified) => verified.user?.id,
        (error) => this.#refused(error),
      );
    } catch (error) {
      return this.#refused(error);
    }
  }

  /** A bad token counts as none; whoever checks it next says so. One that has expired was a user's, who is not to change sides for it. */
  #refused(error: unknown): undefined {
    if (!isServiceError(error) || !refusals.has(error.code)) throw error;
    if (error.reason === 'expired_token' && this.#options.needsUser) throw error;
    return undefined;
  }
}

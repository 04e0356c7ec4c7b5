import { isDeepStrictEqual } from 'node:util';
import type { EdgeOptions } from '@banyan/chassis';
import type { RuntimeDocuments } from '@banyan/config';
import { isServiceError } from '@banyan/core';
import {
  type Destination,
  destinationText,
  overlap,
  type ServiceTraffic,
  type VersionWatch,
  watchedDestinations,
} from '@banyan/discovery';
import type { Endpoint } from '@banyan/rpc';
import type { AskingRequest } from '../asking-request.ts';
import type { ExposedRoute } from '../exposure.ts';
import { goBack } from './go-back.ts';
import { breaks, RecentCalls, recentMs, type Showing } from './recent-calls.ts';
import type { Traffic } from './traffic.ts';

/** Whom the requests of one route are handed to. */
export type EndpointOf = (asking: AskingRequest) => Endpoint;

export interface VersionMonitorOptions
  extends Pick<EdgeOptions, 'documents' | 'isRunning' | 'clock' | 'logger'> {
  readonly traffic: Traffic;
  /** Requests of the service went back. */
  readonly onGoingBack: (service: string) => void;
}

/** Takes requests back from versions that break what the watch of their rule promises. */
export interface VersionMonitor {
  /** `endpoint`, its calls counted while a rule watches where they go. */
  counted(route: ExposedRoute, to: Destination, endpoint: EndpointOf): EndpointOf;
  start(): void;
  stop(): void;
}

export function createVersionMonitor(options: VersionMonitorOptions): VersionMonitor {
  const { documents } = options;
  return documents === undefined ? nothingWatched : new Monitor(documents, options);
}

const nothingWatched: VersionMonitor = {
  counted: (_route, _to, endpoint) => endpoint,
  start: () => undefined,
  stop: () => undefined,
};

interface Judged {
  readonly to: Destination;
  readonly calls: RecentCalls;
}

/** A rule with a watch, since it is in force here. */
interface Watched {
  rule: ServiceTraffic;
  readonly watch: VersionWatch;
  readonly judged: readonly Judged[];
  /** Why requests leave; undefined while all is well. */
  why: string | undefined;
  isLeaving: boolean;
  /** It has been said that there is nowhere to go back to. */
  isStuck: boolean;
}

const lookEveryMs = 500;

class Monitor implements VersionMonitor {
  readonly #options: VersionMonitorOptions;
  readonly #documents: RuntimeDocuments;
  readonly #watched = new Map<string, Watched>();
  #cancelLook = () => {};

  constructor(documents: RuntimeDocuments, options: VersionMonitorOptions) {
    this.#documents = documents;
    this.#options = options;
  }

  counted(route: ExposedRoute, to: Destination, endpoint: EndpointOf): EndpointOf {
    // It waits for something else than the service's work.
    if (route.policy.priority === 'exempt') return endpoint;
    const service = route.contract.name;
    return (asking) => {
      const asked = endpoint(asking);
      const calls = this.#callsTo(service, to);
      if (calls === undefined) return asked;
      return {
        contract: asked.contract,
        call: (operation, input, context, upload) =>
          calls.run(() => asked.call(operation, input, context, upload), upload === undefined),
      };
    };
  }

  start(): void {
    this.#cancelLook = this.#options.clock.setTimer(() => {
      for (const [service, watched] of this.#watched) this.#look(service, watched);
      this.start();
    }, lookEveryMs);
  }

  stop(): void {
    this.#cancelLook();
    this.#watched.clear();
  }

  #callsTo(service: string, to: Destination): RecentCalls | undefined {
    const rule = this.#options.traffic.ruleOf(service);
    if (rule?.watch === undefined) return undefined;
    return this.#watchedBy(service, rule, rule.watch).judged.find((each) => overlap(each.to, to))?.calls;
  }

  /** A rule that changes is judged anew; one that is read again because another one changed is not. */
  #watchedBy(service: string, rule: ServiceTraffic, watch: VersionWatch): Watched {
    const known = this.#watched.get(service);
    if (known?.rule === rule) return known;
    if (known !== undefined && isDeepStrictEqual(known.rule, rule)) {
      // Or else every call would compare them again.
      known.rule = rule;
      return known;
    }
    const judged = watchedDestinations(rule).map((to) => ({ to, calls: new RecentCalls(watch) }));
    const watched = { rule, watch, judged, why: undefined, isLeaving: false, isStuck: false };
    this.#watched.set(service, watched);
    return watched;
  }

  #look(service: string, watched: Watched): void {
    if (!isDeepStrictEqual(this.#options.traffic.ruleOf(service), watched.rule)) {
      this.#watched.delete(service);
      return;
    }
    watched.why ??= verdictOn(watched);
    if (watched.why === undefined) watched.isStuck = false;
    else if (!watched.isLeaving) void this.#leave(service, watched, watched.why);
  }

  /** Of several gateways that see it, the first one does it. What cannot be written down is tried again at the next look. */
  async #leave(service: string, watched: Watched, why: string): Promise<void> {
    const { isRunning, logger, onGoingBack } = this.#options;
    const { back } = watched.watch;
    watched.isLeaving = true;
    try {
      if ((await isRunning?.(service, { version: back })) === false) {
        this.#stay(service, watched, why);
        return;
      }
      const change = await goBack(this.#documents, { service, rule: watched.rule, why });
      if (change === undefined) return;
      onGoingBack(service);
      logger.error('a version broke its promise; requests went back', {
        of: service,
        back,
        why,
        rules: change.version,
      });
    } catch (error) {
      // Whatever the rule is now is judged at the next look.
      if (isServiceError(error) && error.reason === 'document_changed') return;
      logger.warn('requests should go back from a version that broke its promise, and cannot yet', {
        of: service,
        back,
        why,
        error,
      });
    } finally {
      watched.isLeaving = false;
    }
  }

  /** A version that fails now and then is better than one that is not there. Judged anew at each look: either one may come up. */
  #stay(service: string, watched: Watched, why: string): void {
    watched.why = undefined;
    if (watched.isStuck) return;
    watched.isStuck = true;
    this.#options.logger.error(
      'a version broke its promise, and no instance runs that requests could go back to',
      {
        of: service,
        back: watched.watch.back,
        why,
      },
    );
  }
}

function verdictOn({ judged, watch }: Watched): string | undefined {
  for (const { to, calls } of judged) {
    const showing = calls.showing();
    if (breaks(showing, watch.target)) return whyOf(to, showing, watch);
  }
  return undefined;
}

function whyOf(to: Destination, { bad, total }: Showing, { target, withinMs }: VersionWatch): string {
  const late = withinMs === undefined ? '' : ` or took longer than ${withinMs} ms`;
  return `${bad} of ${total} calls to ${destinationText(to)} within ${recentMs / 1_000} s failed${late}; promised are ${target * 100} % good ones`;
}

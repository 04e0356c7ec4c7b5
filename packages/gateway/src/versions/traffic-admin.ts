import type { EdgeRoute } from '@banyan/chassis';
import type { RuntimeDocument, RuntimeDocuments } from '@banyan/config';
import { isServiceError } from '@banyan/core';
import {
  type Instance,
  noTrafficRules,
  parseServiceTraffic,
  parseTrafficRules,
  type ServiceTraffic,
  type TrafficRules,
  trafficDocument,
  type VersionWatch,
  type WeightedDestination,
} from '@banyan/discovery';
import { checkTrafficRules, refusedRules } from './check-traffic-rules.ts';

/** What a {@link TrafficAdmin} works on. */
export interface TrafficAdminOptions {
  readonly documents: RuntimeDocuments;
  /** Of the system: `system.gateway.routes`. */
  readonly routes: readonly EdgeRoute[];
  /** What runs now; a rule may not send requests of a service that is listed where none of its instances is. Default: not known. */
  readonly instances?: () => Promise<readonly Instance[]>;
}

/** Who changes the rules and why, for the history. */
export interface Reason {
  readonly by: string;
  readonly why: string;
}

/** A reason, and when requests go back by themselves; see `VersionWatch`. */
export interface WatchedReason extends Reason {
  readonly watch?: VersionWatch | undefined;
}

/** The rules as they stand. */
export interface StandingRules {
  readonly rules: TrafficRules;
  /** 0 if nobody has said anything yet. */
  readonly version: number;
}

/**
 * Changes traffic rules while the system runs: at once in gateways of the process that changes them, within five seconds in all others. Rules
 * that contradict what is exposed or running are refused (`invalid_argument` `invalid_traffic_rules`), and nothing is changed. All methods reject as those of
 * `RuntimeDocuments` do.
 */
export interface TrafficAdmin {
  rules(): Promise<StandingRules>;
  /** Replaces the rule of one service. */
  set(service: string, rule: ServiceTraffic, reason: Reason): Promise<RuntimeDocument>;
  /** Moves the current-version link: all requests that ask for no version go there. Matches stay. */
  link(service: string, version: string, reason: WatchedReason): Promise<RuntimeDocument>;
  /** Spreads the requests that ask for no version. Matches stay. */
  weigh(
    service: string,
    weights: readonly WeightedDestination[],
    reason: WatchedReason & { readonly sticky?: boolean },
  ): Promise<RuntimeDocument>;
  /** Forgets what was said about a service. */
  clear(service: string, reason: Reason): Promise<RuntimeDocument>;
  /** @param route `service.operation`, one that is exposed */
  switchRoute(route: string, to: 'on' | 'off', reason: Reason): Promise<RuntimeDocument>;
  /**
   * Says how many of each hundred clients have moved from an upstream to the operations that take over from it.
   * @param forwarding its path, such as `/legacy/*`
   * @param percent undefined for as many as are declared
   */
  move(forwarding: string, percent: number | undefined, reason: Reason): Promise<RuntimeDocument>;
  /** Puts the rules of an earlier version in force again, as a new one; 0 for none. */
  revert(version: number, reason: Reason): Promise<RuntimeDocument>;
  /** Newest first. */
  history(limit?: number): Promise<readonly RuntimeDocument[]>;
}

/** Administers the traffic rules in `documents`. Does no I/O by itself; what each method rejects with stands at {@link TrafficAdmin}. */
export function createTrafficAdmin(options: TrafficAdminOptions): TrafficAdmin {
  return new DocumentTrafficAdmin(options);
}

/** Changes of different services do not contradict each other: whoever comes second makes theirs again. */
const maxAttempts = 10;

class DocumentTrafficAdmin implements TrafficAdmin {
  readonly #options: TrafficAdminOptions;

  constructor(options: TrafficAdminOptions) {
    this.#options = options;
  }

  async rules(): Promise<StandingRules> {
    const newest = await this.#options.documents.get(trafficDocument);
    if (newest === undefined) return { rules: noTrafficRules, version: 0 };
    return { rules: parseTrafficRules(newest.value), version: newest.version };
  }

  set(service: string, rule: ServiceTraffic, reason: Reason): Promise<RuntimeDocument> {
    return this.#change(reason, (rules) => withService(rules, service, rule));
  }

  link(service: string, version: string, { watch, ...reason }: WatchedReason): Promise<RuntimeDocument> {
    return this.#change(reason, (rules) => {
      const { matches } = rules.services[service] ?? {};
      const rule = { ...(matches && { matches }), current: version, ...(watch && { watch }) };
      return withService(rules, service, rule);
    });
  }

  weigh(
    service: string,
    weights: readonly WeightedDestination[],
    { sticky = false, watch, ...reason }: WatchedReason & { readonly sticky?: boolean },
  ): Promise<RuntimeDocument> {
    return this.#change(reason, (rules) => {
      const { matches } = rules.services[service] ?? {};
      const rule = { ...(matches && { matches }), weights, sticky, ...(watch && { watch }) };
      return withService(rules, service, rule);
    });
  }

  clear(service: string, reason: Reason): Promise<RuntimeDocument> {
    return this.#change(reason, (rules) => {
      if (!Object.hasOwn(rules.services, service)) throw refusedRules(`there is no rule for '${service}'`);
      const { [service]: _, ...services } = rules.services;
      return { ...rules, services };
    });
  }

  switchRoute(route: string, to: 'on' | 'off', reason: Reason): Promise<RuntimeDocument> {
    return this.#change(reason, (rules) => ({ ...rules, routes: { ...rules.routes, [route]: to } }));
  }

  move(forwarding: string, percent: number | undefined, reason: Reason): Promise<RuntimeDocument> {
    return this.#change(reason, (rules) => {
      const { [forwarding]: former, ...others } = rules.moved ?? {};
      if (percent !== undefined) return { ...rules, moved: { ...others, [forwarding]: percent } };
      if (former === undefined) throw refusedRules(`nothing was said about '${forwarding}'`);
      return { ...rules, moved: others };
    });
  }

  async revert(version: number, reason: Reason): Promise<RuntimeDocument> {
    if (version === 0) return this.#change(reason, () => noTrafficRules);
    const versions = await this.#options.documents.history(trafficDocument, 1_000);
    const wanted = versions.find((each) => each.version === version);
    if (wanted === undefined) throw refusedRules(`there is no version ${version} of the rules`);
    return this.#change(reason, () => parseTrafficRules(wanted.value));
  }

  history(limit?: number): Promise<readonly RuntimeDocument[]> {
    return this.#options.documents.history(trafficDocument, limit);
  }

  async #change(
    { by, why }: Reason,
    change: (rules: TrafficRules) => TrafficRules,
  ): Promise<RuntimeDocument> {
    const { documents, routes, instances } = this.#options;
    const running = (await instances?.()) ?? [];
    for (let attempt = 1; ; attempt += 1) {
      const before = await this.rules();
      const value = parseTrafficRules(change(before.rules));
      checkTrafficRules(value, { routes, running });
      try {
        return await documents.put(trafficDocument, { value, expectedVersion: before.version, by, why });
      } catch (error) {
        if (!isServiceError(error) || error.reason !== 'document_changed' || attempt === maxAttempts)
          throw error;
      }
    }
  }
}

function withService(rules: TrafficRules, service: string, rule: ServiceTraffic): TrafficRules {
  return { ...rules, services: { ...rules.services, [service]: parseServiceTraffic(rule, service) } };
}

import type { Destination } from './destination.ts';

/** Name of the run-time document that holds {@link TrafficRules}. */
export const trafficDocument = 'traffic';

export interface WeightedDestination extends Destination {
  /** Its share among all weights of the rule: a whole number from 0 to 1,000,000. */
  readonly weight: number;
}

/** Sends requests that have all of what it names. */
export interface TrafficMatch {
  /** A request header with exactly this value. */
  readonly header?: { readonly name: string; readonly value: string };
  readonly cookie?: { readonly name: string; readonly value: string };
  /** Signed in as one of these users. */
  readonly users?: readonly string[];
  readonly to: Destination;
}

/**
 * When requests leave again what `current` or `weights` send them to. Each destination that is not `back` is judged by the calls that it answered
 * in the last five seconds.
 */
export interface VersionWatch {
  /** The version that all requests go to then, by instances without a label. */
  readonly back: string;
  /** Share of good calls that is promised, above 0 and below 1. A good call is no server fault. */
  readonly target: number;
  /** A good call takes no longer, either, in milliseconds from 1 to 600,000. Default: time does not count. */
  readonly withinMs?: number;
}

/** Where the requests of one service go that ask for no version. The first match wins; else `current`, or `weights`. */
export interface ServiceTraffic {
  readonly matches?: readonly TrafficMatch[];
  /** The link: all requests go to this version. */
  readonly current?: string;
  /** Instead of `current`: each request goes to one of these, by chance. */
  readonly weights?: readonly WeightedDestination[];
  /** With `weights`: the same user, or client if nobody is signed in, always goes to the same one, as long as the weights stay. Default false. */
  readonly sticky?: boolean;
  /** Default: requests stay where they are sent, whatever they get there. */
  readonly watch?: VersionWatch;
}

/** What operators say about the traffic of a system while it runs. */
export interface TrafficRules {
  /** By name of the service. Without an entry requests go to the lowest version that is exposed. */
  readonly services: Readonly<Record<string, ServiceTraffic>>;
  /** Routes that are switched, by `service.operation`; others are as their policy says. */
  readonly routes: Readonly<Record<string, 'on' | 'off'>>;
  /**
   * Of each hundred clients, those whose requests go to operations instead of the upstream that these take over from: by path of the forwarding, such as
   * `/legacy/*`. Others are as they are declared.
   */
  readonly moved?: Readonly<Record<string, number>>;
}

export const noTrafficRules: TrafficRules = { services: {}, routes: {} };

import type { CallContext } from '@banyan/core';
import { createBalancer, type Instance, zoneLabel } from '@banyan/discovery';
import type { RemoteInstance } from './remote-instance.ts';
import type { RemoteOperation } from './remote-operation.ts';

/** One attempt that needs an instance. */
export interface PickRequest {
  readonly remote: RemoteOperation;
  readonly input: unknown;
  readonly context: CallContext;
  /** Where the attempt before failed, or another one is under way: only if there is no other. */
  readonly avoid: RemoteInstance | undefined;
}

export interface InstancePicker {
  /** The best instance for an attempt; undefined if the circuits of all are open. */
  pick(candidates: readonly RemoteInstance[], request: PickRequest): RemoteInstance | undefined;
}

/** @param zone where this caller runs; instances of the same zone are preferred. Default: all are alike */
export function createInstancePicker(zone?: string): InstancePicker {
  return new ZonedPicker(zone);
}

/** So many calls in flight at an instance of the own zone, and twice what one elsewhere has, say that the zone is not enough. */
const crowdedAbove = 16;
const crowdedFactor = 2;

class ZonedPicker implements InstancePicker {
  readonly #zone: string | undefined;
  readonly #leastRequests = createBalancer<RemoteInstance>({
    strategy: 'least_requests',
    requestsInFlight: (candidate) => candidate.inFlight,
  });

  constructor(zone: string | undefined) {
    this.#zone = zone;
  }

  pick(candidates: readonly RemoteInstance[], request: PickRequest): RemoteInstance | undefined {
    const first = candidates[0];
    if (candidates.length === 1 && first !== undefined) return first.breaker.available ? first : undefined;
    const { avoid } = request;
    const isUnfit =
      avoid === undefined ? isUnfitNow : (one: RemoteInstance) => one === avoid || isUnfitNow(one);
    return (
      this.#choose(candidates, request, isUnfit) ??
      this.#choose(candidates, request, isUnreachable) ??
      this.#choose(candidates, request, isOpen)
    );
  }

  #choose(
    candidates: readonly RemoteInstance[],
    { remote, input, context }: PickRequest,
    isUnfit: (candidate: RemoteInstance) => boolean,
  ): RemoteInstance | undefined {
    const { balance } = remote.operation;
    if (balance === 'least_requests' || balance === 'round_robin')
      return this.#nearby(candidates, remote, isUnfit);
    // A key has one place, whichever zone asks: zones do not count.
    const key = remote.keyOf(input, context);
    return key === undefined
      ? this.#leastRequests.pick(candidates, isUnfit)
      : remote.balancer.pick(candidates, isUnfit, key);
  }

  #nearby(
    candidates: readonly RemoteInstance[],
    { balancer }: RemoteOperation,
    isUnfit: (candidate: RemoteInstance) => boolean,
  ): RemoteInstance | undefined {
    if (this.#zone === undefined) return balancer.pick(candidates, isUnfit);
    const near = balancer.pick(candidates, (one) => !this.#isNear(one.instance) || isUnfit(one));
    if (near !== undefined && near.inFlight < crowdedAbove) return near;
    const far = this.#leastRequests.pick(candidates, (one) => this.#isNear(one.instance) || isUnfit(one));
    if (near === undefined) return far;
    return far !== undefined && near.inFlight > far.inFlight * crowdedFactor ? far : near;
  }

  #isNear({ metadata }: Instance): boolean {
    return metadata?.[zoneLabel] === this.#zone;
  }
}

function isUnfitNow(candidate: RemoteInstance): boolean {
  return candidate.outlier.ejected || isUnreachable(candidate);
}

function isUnreachable(candidate: RemoteInstance): boolean {
  return !candidate.reachable || isOpen(candidate);
}

function isOpen(candidate: RemoteInstance): boolean {
  return !candidate.breaker.available;
}

import { type Clock, ServiceError } from '@banyan/core';
import type { StartAt } from '../event-log.ts';
import type { Arrival, PartitionLease, PartitionPlace, Share, ShareRequest } from '../inbox.ts';

interface Partition {
  readonly number: number;
  owner: string | undefined;
  /** The last one that had it, to tell a change from a return. */
  lastOwner: string | undefined;
  token: number;
  positions: Record<string, StartAt>;
  /** The end of the newest transaction that moves its places. */
  tail: Promise<void>;
}

/** Who reads which partition of which log for one consumer, and from where. */
export class MemoryPartitions {
  readonly #clock: Clock;
  readonly #partitions = new Map<string, Map<number, Partition>>();
  /** For each log and instance, when its membership ends. */
  readonly #members = new Map<string, Map<string, number>>();
  rebalances = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async share({ log, partitions, instance, leaseMs }: ShareRequest): Promise<Share> {
    const members = this.#membersOf(log);
    members.set(instance, this.#clock.nowMs() + leaseMs);
    const all = Array.from({ length: partitions }, (_, number) => this.#partition(log, number));
    const unlock = await this.#lock(all);
    try {
      const quota = Math.ceil(partitions / this.#live(log).length);
      this.#giveUpBeyond(all, instance, quota);
      this.#takeUpTo(all, { log, instance, quota });
    } finally {
      unlock();
    }
    const leases = all.filter(({ owner }) => owner === instance).map((partition) => toLease(log, partition));
    return { leases, members: this.#live(log).length };
  }

  places(log: string): readonly PartitionPlace[] {
    const live = this.#live(log);
    return [...this.#partitionsOf(log).values()].map(({ number, owner, positions }) => ({
      partition: number,
      owner: owner !== undefined && live.includes(owner) ? owner : undefined,
      positions: { ...positions },
    }));
  }

  async leave(log: string, instance: string): Promise<void> {
    const mine = [...this.#partitionsOf(log).values()].filter(({ owner }) => owner === instance);
    const unlock = await this.#lock(mine);
    this.#membersOf(log).delete(instance);
    for (const partition of mine) partition.owner = undefined;
    unlock();
  }

  /** Waits for transactions that move the same partitions, then keeps others waiting. @throws ServiceError `aborted` `lease_lost` */
  async enter(leases: readonly PartitionLease[]): Promise<() => void> {
    const partitions = leases.map(({ log, partition }) => this.#partition(log, partition));
    const unlock = await this.#lock(partitions);
    const isMine = leases.every(({ token }, index) => String(partitions[index]?.token) === token);
    if (isMine) return unlock;
    unlock();
    throw new ServiceError('Another instance reads a partition of the page now.', {
      code: 'aborted',
      reason: 'lease_lost',
    });
  }

  move({ leases, topics, positions }: Arrival): void {
    for (const { log, partition } of leases) {
      const position = positions.get(partition);
      if (position === undefined) continue;
      const moved = this.#partition(log, partition);
      moved.positions = { ...moved.positions };
      for (const topic of topics) moved.positions[topic] = { position };
    }
  }

  /** Moves the places of all partitions, and fences their readers off. */
  async reset(log: string, topics: readonly string[], from: StartAt): Promise<void> {
    const all = [...this.#partitionsOf(log).values()];
    const unlock = await this.#lock(all);
    for (const partition of all) {
      partition.token += 1;
      partition.positions = { ...partition.positions };
      for (const topic of topics) partition.positions[topic] = from;
    }
    unlock();
  }

  #giveUpBeyond(all: readonly Partition[], instance: string, quota: number): void {
    const mine = all.filter(({ owner }) => owner === instance);
    for (const partition of mine.slice(quota)) partition.owner = undefined;
  }

  #takeUpTo(
    all: readonly Partition[],
    { log, instance, quota }: { readonly log: string; readonly instance: string; readonly quota: number },
  ): void {
    const live = this.#live(log);
    let count = all.filter(({ owner }) => owner === instance).length;
    for (const partition of all) {
      if (count >= quota) return;
      if (partition.owner !== undefined && live.includes(partition.owner)) continue;
      if (partition.lastOwner !== undefined && partition.lastOwner !== instance) this.rebalances += 1;
      partition.owner = instance;
      partition.lastOwner = instance;
      partition.token += 1;
      count += 1;
    }
  }

  async #lock(partitions: readonly Partition[]): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const earlier = partitions.map(({ tail }) => tail);
    for (const partition of partitions) partition.tail = partition.tail.then(() => promise);
    await Promise.all(earlier);
    return resolve;
  }

  #live(log: string): readonly string[] {
    const nowMs = this.#clock.nowMs();
    return [...this.#membersOf(log)].filter(([, endsAtMs]) => endsAtMs > nowMs).map(([instance]) => instance);
  }

  #membersOf(log: string): Map<string, number> {
    return getOrAdd(this.#members, log, () => new Map<string, number>());
  }

  #partitionsOf(log: string): Map<number, Partition> {
    return getOrAdd(this.#partitions, log, () => new Map<number, Partition>());
  }

  #partition(log: string, number: number): Partition {
    return getOrAdd(this.#partitionsOf(log), number, () => ({
      number,
      owner: undefined,
      lastOwner: undefined,
      token: 0,
      positions: {},
      tail: Promise.resolve(),
    }));
  }
}

function toLease(log: string, { number, token, positions }: Partition): PartitionLease {
  return { log, partition: number, token: String(token), positions: { ...positions } };
}

function getOrAdd<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  const found = map.get(key);
  if (found !== undefined) return found;
  const created = create();
  map.set(key, created);
  return created;
}

import type { LanePlan } from './event-lane.ts';
import type { StartAt } from './event-log.ts';
import type { PartitionLease } from './inbox.ts';

export interface PlanOptions {
  readonly topics: readonly string[];
  readonly leases: readonly PartitionLease[];
  /** Where a topic begins that was never read. */
  readonly start: StartAt;
  /** Parts of the partitions, at least 1. */
  readonly lanes: number;
}

/** Puts topics together that stand at the same places; a topic that is new gets lanes of its own, and others need not wait for it. */
export function planLanes({ topics, leases, start, lanes }: PlanOptions): readonly LanePlan[] {
  const plans: LanePlan[] = [];
  for (let part = 0; part < lanes; part += 1) {
    const own = leases.filter((_, index) => index % lanes === part);
    if (own.length === 0) continue;
    const groups = Map.groupBy(topics, (topic) =>
      JSON.stringify(own.map((lease) => startOf(lease, topic, start))),
    );
    for (const ofGroup of groups.values()) {
      const [topic = ''] = ofGroup;
      const from = new Map(own.map((lease) => [lease.partition, startOf(lease, topic, start)]));
      plans.push({ topics: ofGroup, leases: own, from });
    }
  }
  return plans;
}

function startOf({ positions }: PartitionLease, topic: string, start: StartAt): StartAt {
  return (Object.hasOwn(positions, topic) ? positions[topic] : undefined) ?? start;
}

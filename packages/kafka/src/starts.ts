import type { ReadRequest, StartAt } from '@banyan/events';
import type { Cluster } from './cluster.ts';
import { kafkaTopicOf } from './kafka-topics.ts';
import { earliest, findOffsets, latest, type OffsetQuery, type OffsetsOptions } from './offsets.ts';
import { decodePosition, generationOf, type PartitionPlace } from './positions.ts';

/** Where to begin in one partition of one Kafka topic. */
export interface Start {
  readonly topic: string;
  readonly partition: number;
  /** Undefined: the topic does not exist yet, and will be read from its first record. */
  readonly generation: string | undefined;
  readonly offset: number;
  /** Records before this time are passed over until the first one that is not, epoch milliseconds. */
  readonly sinceMs: number | undefined;
}

export interface Starts {
  readonly starts: readonly Start[];
  /** What positions say of topics that are not read now; new positions go on saying it. */
  readonly kept: ReadonlyMap<number, PartitionPlace>;
}

export interface StartsOptions extends OffsetsOptions {
  readonly prefix: string;
}

/** @throws ServiceError `unavailable`; `kafka_denied`; `kafka_topic_unfit`. TypeError for a position of another log */
export async function findStarts(request: ReadRequest, options: StartsOptions): Promise<Starts> {
  const { cluster, prefix } = options;
  const topics = [...new Set(request.topics.map((topic) => kafkaTopicOf(prefix, topic)))];
  await cluster.refresh(topics);
  const kept = new Map<number, PartitionPlace>();
  const starts: Start[] = [];
  const queries = new Map<OffsetQuery, Omit<Start, 'offset'>>();
  for (const [partition, start] of request.from) {
    const place = isPosition(start) ? decodePosition(start.position) : new Map();
    kept.set(partition, place);
    for (const topic of topics) {
      const known = place.get(topic.slice(prefix.length));
      const generation = known?.generation ?? generationIn(cluster, topic);
      const sinceMs = typeof start === 'object' && 'time' in start ? timeOf(start.time) : undefined;
      const begun = { topic, partition, generation, sinceMs };
      if (known !== undefined) starts.push({ ...begun, offset: known.offset });
      else if (generation === undefined) starts.push({ ...begun, offset: 0 });
      // A topic that a position does not name was added later: from its beginning.
      else queries.set({ topic, partition, at: sinceMs ?? (start === 'end' ? latest : earliest) }, begun);
    }
  }
  const asked = [...queries.keys()];
  const offsets = await findOffsets(asked, options);
  const ends = asked
    .filter((_, index) => offsets[index] === undefined)
    .map((query) => ({ ...query, at: latest }));
  const endOffsets = await findOffsets(ends, options);
  let nextEnd = 0;
  for (const [index, begun] of [...queries.values()].entries()) {
    starts.push({ ...begun, offset: offsets[index] ?? endOffsets[nextEnd++] ?? 0 });
  }
  return { starts, kept };
}

export function generationIn(cluster: Cluster, topic: string): string | undefined {
  const plan = cluster.topic(topic);
  return plan === undefined ? undefined : generationOf(plan.id);
}

function isPosition(start: StartAt): start is { readonly position: string } {
  return typeof start === 'object' && 'position' in start;
}

function timeOf(time: string): number {
  const timeMs = Date.parse(time);
  if (Number.isNaN(timeMs)) throw new TypeError(`'${time}' is no time (RFC 3339 UTC).`);
  return Math.max(0, timeMs);
}

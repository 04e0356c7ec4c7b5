import { type Clock, sleep } from '@banyan/core';
import { listOffsetsV7 } from '@platformatic/kafka';
import type { BrokerConnection } from './broker-connection.ts';
import type { Cluster } from './cluster.ts';
import { kafkaError } from './errors.ts';

/** Instead of a time: the oldest record kept, and behind the newest one. */
export const earliest = -2;
export const latest = -1;

export interface OffsetQuery {
  readonly topic: string;
  readonly partition: number;
  /** Epoch milliseconds, {@link earliest} or {@link latest}. */
  readonly at: number;
}

export interface OffsetsOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
}

const retryIntervalMs = 100;
const denied = [29, 31];

/**
 * The offset of the first record at or after each time, in the order of the queries; undefined where there is none. Topics must be known.
 * @throws ServiceError `unavailable`; `kafka_denied`
 */
export async function findOffsets(
  queries: readonly OffsetQuery[],
  options: OffsetsOptions,
): Promise<readonly (number | undefined)[]> {
  const { cluster, clock, requestTimeoutMs } = options;
  const found = new Map<OffsetQuery, number | undefined>();
  const endsAtMs = clock.nowMs() + 2 * requestTimeoutMs;
  for (;;) {
    const missing = queries.filter((query) => !found.has(query));
    if (missing.length === 0) return queries.map((query) => found.get(query));
    const leaderOf = ({ topic, partition }: OffsetQuery) => cluster.topic(topic)?.leaders[partition];
    const byLeader = Map.groupBy(missing, leaderOf);
    const asking = [...byLeader].flatMap(([node, ofNode]) =>
      node === undefined ? [] : [askLeader(node, ofNode, { cluster, found })],
    );
    const failure = (await Promise.allSettled(asking)).find((result) => result.status === 'rejected');
    if (missing.every((query) => found.has(query))) continue;
    if (clock.nowMs() > endsAtMs) throw kafkaError('kafka_unavailable', { cause: failure?.reason });
    await sleep(retryIntervalMs, clock);
    await cluster.refresh([...new Set(missing.map(({ topic }) => topic))]);
  }
}

interface Asking {
  readonly cluster: Cluster;
  readonly found: Map<OffsetQuery, number | undefined>;
}

/** Leaves out what the broker does not lead any more. */
async function askLeader(
  node: number,
  queries: readonly OffsetQuery[],
  { cluster, found }: Asking,
): Promise<void> {
  const connection: BrokerConnection = await cluster.connect(node);
  try {
    const topics = [...Map.groupBy(queries, ({ topic }) => topic)].map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition, at }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: -1,
        timestamp: BigInt(at),
      })),
    }));
    const answer = await connection.request(listOffsetsV7.api, [-1, 0, topics]);
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex, errorCode, offset } of partitions) {
        if (denied.includes(errorCode)) throw kafkaError('kafka_denied');
        if (errorCode !== 0) continue;
        for (const query of queries) {
          if (query.topic !== name || query.partition !== partitionIndex) continue;
          found.set(query, offset < 0n ? undefined : Number(offset));
        }
      }
    }
  } finally {
    connection.destroy();
  }
}

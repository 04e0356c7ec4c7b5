import type { LogPosition } from '@banyan/events';

/** A place in one partition of one Kafka topic. */
export interface TopicPlace {
  /** The first digits of the topic's id: offsets of a topic that was deleted mean nothing in the one created after it. */
  readonly generation: string;
  /** Of the next record to read. */
  readonly offset: number;
}

/** A partition of the log is one partition of several Kafka topics, so its position is an offset in each. Names are without the prefix. */
export type PartitionPlace = ReadonlyMap<string, TopicPlace>;

const shape = /^([A-Za-z0-9._-]+):([0-9a-f]{8}):(\d{1,16})$/;

/** `orders:5f2a91c0:12,stock.messages:0d3e77b1:4`, sorted, so that one place has one text. */
export function encodePosition(place: PartitionPlace): LogPosition {
  return [...place]
    .map(([topic, { generation, offset }]) => `${topic}:${generation}:${offset}`)
    .sort()
    .join(',');
}

/** @throws TypeError if it is no position of a Kafka log */
export function decodePosition(position: LogPosition): PartitionPlace {
  const place = new Map<string, TopicPlace>();
  for (const part of position === '' ? [] : position.split(',')) {
    const [, topic, generation, offset] = shape.exec(part) ?? [];
    if (topic === undefined || generation === undefined) {
      throw new TypeError(`'${position.slice(0, 100)}' is no position of a Kafka log.`);
    }
    place.set(topic, { generation, offset: Number(offset) });
  }
  return place;
}

export function generationOf(topicId: string): string {
  return topicId.slice(0, 8).toLowerCase();
}

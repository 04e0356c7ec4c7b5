import {
  type CloudEvent,
  decodeEvent,
  type LogPage,
  type LogPosition,
  type MalformedRecord,
  toMalformedRecord,
  topicOf,
} from '@banyan/events';
import type { Message } from 'amqplib';

export interface PageBuilder {
  /** Events and malformed records. */
  readonly size: number;
  /** Moves past a message, and adds its event if it is of a topic asked for and `isWanted`. */
  add(
    partition: number,
    position: LogPosition,
    message: Message,
    isWanted: (event: CloudEvent) => boolean,
  ): void;
  build(): LogPage;
}

export function createPageBuilder(topics: ReadonlySet<string>): PageBuilder {
  const events: CloudEvent[] = [];
  const malformed: MalformedRecord[] = [];
  const positions = new Map<number, LogPosition>();
  return {
    get size() {
      return events.length + malformed.length;
    },
    add(partition, position, message, isWanted) {
      positions.set(partition, position);
      const type: unknown = message.properties.type;
      const topic = typeof type === 'string' ? type : undefined;
      // Most of a partition belongs to others: those messages are passed without parsing them.
      if (topic !== undefined && !topics.has(topic)) return;
      const text = message.content.toString();
      try {
        const event = decodeEvent(text);
        if (topics.has(topicOf(event)) && isWanted(event)) events.push(event);
      } catch (error) {
        malformed.push(toMalformedRecord({ partition, position, topic, text }, error));
      }
    },
    build: () => ({ events, malformed, positions }),
  };
}

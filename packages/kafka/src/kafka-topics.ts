import { channelOf } from '@banyan/events';

const messages = '.messages';

/** The Kafka topic of a channel: `orders` for `orders.placed`, `orders.messages` for `@orders.cancel`. */
export function kafkaTopicOf(prefix: string, topic: string): string {
  const channel = channelOf(topic);
  return channel.startsWith('@') ? `${prefix}${channel.slice(1)}${messages}` : `${prefix}${channel}`;
}

/** Names of services have no dot, so this cannot be the events of a service called `messages`. */
export function holdsMessages(kafkaTopic: string): boolean {
  return kafkaTopic.endsWith(messages);
}

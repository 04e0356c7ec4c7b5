import {
  Consumer,
  MessagesStreamModes,
  ProduceAcks,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import type { CpuMeter } from './cpu-meter.ts';
import { drive, Effects, type Payload } from './driver.ts';
import type { EventStack } from './stack.ts';

/** The client alone: acknowledged by all replicas, consumed by a group, a handler that does nothing. */
export async function startBareKafka(bootstrap: readonly string[], meter: CpuMeter): Promise<EventStack> {
  const topic = `bench-${process.pid}-${Date.now()}`;
  const bootstrapBrokers = [...bootstrap];
  const producer = new Producer({
    clientId: 'bench',
    bootstrapBrokers,
    serializers: stringSerializers,
    autocreateTopics: true,
  });
  const consumer = new Consumer({
    clientId: 'bench',
    groupId: topic,
    bootstrapBrokers,
    deserializers: stringDeserializers,
  });
  const effects = new Effects();
  await producer.send({ messages: [{ topic, key: 'k', value: '{}' }], acks: ProduceAcks.ALL });
  const stream = await consumer.consume({
    topics: [topic],
    mode: MessagesStreamModes.LATEST,
    autocommit: 500,
    maxWaitTime: 50,
  });
  stream.on('data', ({ value }) => effects.happened((JSON.parse(value ?? '{}') as Payload).sentAt));
  return {
    run: (load) =>
      drive(load, {
        effects,
        meter,
        async send(events) {
          const messages = events.map((event) => ({ topic, key: event.key, value: JSON.stringify(event) }));
          await producer.send({ messages, acks: ProduceAcks.ALL });
        },
      }),
    async stop() {
      await stream.close();
      await consumer.close(true);
      await producer.close(true);
    },
  };
}

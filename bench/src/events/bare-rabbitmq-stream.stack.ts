import amqp from 'amqplib';
import type { CpuMeter } from './cpu-meter.ts';
import { drive, Effects, type Payload } from './driver.ts';
import type { EventStack } from './stack.ts';

/** The client alone on a stream: publisher confirms, acknowledgements, a handler that does nothing. */
export async function startBareRabbitStream(url: string, meter: CpuMeter): Promise<EventStack> {
  const connection = await amqp.connect(url);
  const publishing = await connection.createConfirmChannel();
  const consuming = await connection.createChannel();
  const queue = `bench-stream-${process.pid}-${Date.now()}`;
  await publishing.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'stream' } });
  await consuming.prefetch(1_000);
  const effects = new Effects();
  await consuming.consume(
    queue,
    (message) => {
      if (message === null) return;
      effects.happened((JSON.parse(message.content.toString()) as Payload).sentAt);
      consuming.ack(message);
    },
    { arguments: { 'x-stream-offset': 'next' } },
  );
  return {
    run: (load) =>
      drive(load, {
        effects,
        meter,
        async send(events) {
          for (const event of events)
            publishing.sendToQueue(queue, Buffer.from(JSON.stringify(event)), { persistent: true });
          await publishing.waitForConfirms();
        },
      }),
    async stop() {
      await consuming.deleteQueue(queue);
      await connection.close();
    },
  };
}

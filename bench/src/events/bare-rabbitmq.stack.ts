import amqp from 'amqplib';
import type { CpuMeter } from './cpu-meter.ts';
import { drive, Effects, type Payload } from './driver.ts';
import type { EventStack } from './stack.ts';

/** The client alone on a quorum queue: publisher confirms, acknowledgements, a handler that does nothing. */
export async function startBareRabbitMq(url: string, meter: CpuMeter): Promise<EventStack> {
  const connection = await amqp.connect(url);
  const publishing = await connection.createConfirmChannel();
  const consuming = await connection.createChannel();
  const queue = `bench-${process.pid}`;
  await publishing.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await consuming.prefetch(1_000);
  const effects = new Effects();
  await consuming.consume(queue, (message) => {
    if (message === null) return;
    effects.happened((JSON.parse(message.content.toString()) as Payload).sentAt);
    consuming.ack(message);
  });
  const publish = (event: Payload) =>
    new Promise<void>((resolve, reject) => {
      publishing.sendToQueue(queue, Buffer.from(JSON.stringify(event)), { persistent: true }, (error) =>
        error === null || error === undefined ? resolve() : reject(error),
      );
    });
  return {
    run: (load) =>
      drive(
        { ...load, concurrency: 256 },
        {
          effects,
          meter,
          async send(events) {
            await Promise.all(events.map(publish));
          },
        },
      ),
    async stop() {
      await consuming.deleteQueue(queue);
      await connection.close();
    },
  };
}

import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { CpuMeter } from './cpu-meter.ts';
import { drive, Effects, type Payload } from './driver.ts';
import type { EventStack } from './stack.ts';

/** The client alone: publish with acknowledgement, consume with acknowledgement, a handler that does nothing. */
export async function startBareNats(url: string, meter: CpuMeter): Promise<EventStack> {
  const connection = await connect({ servers: url });
  const stream = `BENCH_${process.pid}`;
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: stream, subjects: [`${stream}.>`] });
  await manager.consumers.add(stream, {
    durable_name: 'bench',
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: 10_000,
  });
  const js = jetstream(connection);
  const effects = new Effects();
  const consumer = await js.consumers.get(stream, 'bench');
  const messages = await consumer.consume({ max_messages: 1_000 });
  const reading = (async () => {
    for await (const message of messages) {
      effects.happened(message.json<Payload>().sentAt);
      message.ack();
    }
  })();
  return {
    run: (load) =>
      drive(
        { ...load, concurrency: 256 },
        {
          effects,
          meter,
          async send(events) {
            await Promise.all(
              events.map((event) =>
                js.publish(`${stream}.${event.key}`, JSON.stringify(event), {
                  msgID: `${event.id} ${event.sentAt}`,
                }),
              ),
            );
          },
        },
      ),
    async stop() {
      await messages.close();
      await reading;
      await manager.streams.delete(stream);
      await connection.close();
    },
  };
}

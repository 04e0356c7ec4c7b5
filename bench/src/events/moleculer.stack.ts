import { Middleware as Channels } from '@moleculer/channels';
import { type Service, ServiceBroker } from 'moleculer';
import type { CpuMeter } from './cpu-meter.ts';
import { drive, Effects, type Payload } from './driver.ts';
import type { RedisServer } from './redis-server.ts';
import type { EventStack } from './stack.ts';

interface ChannelBroker extends ServiceBroker {
  sendToChannel(channel: string, payload: unknown): Promise<void>;
}

/** Moleculer channels on Redis streams, flushed before it answers; a handler that does nothing. */
export async function startMoleculerChannels(redis: RedisServer, meter: CpuMeter): Promise<EventStack> {
  // Its types know no `redis`, its code and its manual do.
  const options = { redis: { host: '127.0.0.1', port: redis.port } } as never;
  const broker = new ServiceBroker({
    logger: false,
    middlewares: [Channels({ adapter: { type: 'Redis', options } } as never)],
  }) as ChannelBroker;
  const effects = new Effects();
  broker.createService({
    name: 'ledger',
    channels: {
      bench: {
        group: 'ledger',
        maxInFlight: 256,
        redis: { minIdleTime: 10_000 },
        async handler(this: Service, payload: Payload) {
          effects.happened(payload.sentAt);
        },
      },
    },
  } as never);
  await broker.start();
  return {
    run: (load) =>
      drive(
        { ...load, concurrency: 256 },
        {
          effects,
          meter,
          async send(events) {
            await Promise.all(events.map((event) => broker.sendToChannel('bench', event)));
          },
        },
      ),
    stop: () => broker.stop(),
  };
}

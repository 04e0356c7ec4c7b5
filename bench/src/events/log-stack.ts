import { createEvent, type EncodedEvent, type EventLog, type StartAt, toEncodedEvent } from '@banyan/events';
import type { CpuMeter } from './cpu-meter.ts';
import { drive, Effects, type Payload } from './driver.ts';
import type { EventStack } from './stack.ts';

/** A log as the relay and the consumer use it, without databases: batches in, pages out. */
export async function startLog(log: EventLog, meter: CpuMeter): Promise<EventStack> {
  const effects = new Effects();
  const from = new Map(
    Array.from({ length: log.partitions }, (_, partition): [number, StartAt] => [partition, 'end']),
  );
  // A log may make what it needs for a service at its first event.
  await log.publish([encode({ id: 0, sentAt: 0, key: 'first', filler: '' })]);
  const reader = await log.open({ group: 'bench', topics: ['source.placed'], from });
  let isOver = false;
  const reading = (async () => {
    while (!isOver) {
      const page = await reader.next(1_000, 500);
      for (const event of page.events) effects.happened((event.data as Payload).sentAt);
      await reader.commit(page.positions);
    }
  })();
  return {
    run: (load) => drive(load, { effects, meter, send: (events) => log.publish(events.map(encode)) }),
    async stop() {
      isOver = true;
      await reader.close();
      await reading;
      await log.close();
    },
  };
}

function encode(payload: Payload): EncodedEvent {
  const event = { service: 'source', name: 'placed', type: 'Placed', key: payload.key, data: payload };
  return toEncodedEvent(createEvent({ ...event, occurredAtMs: Date.now() }));
}

import type { Clock } from '@banyan/core';
import type { CloudEvent, LogPage, LogPosition, LogReader } from '@banyan/events';
import type { ConsumeMessage } from 'amqplib';
import type { DeliveryQueue } from './delivery-queue.ts';
import { createPageBuilder, type PageBuilder } from './page-builder.ts';

export interface Delivery {
  readonly partition: number;
  readonly message: ConsumeMessage;
}

/** What streams and queues do differently. */
export interface DeliverySource {
  readonly deliveries: DeliveryQueue<Delivery>;
  /**
   * The place behind a delivery, or undefined if it lies before the place to begin at.
   * @throws ServiceError `failed_precondition` `position_lost`
   */
  placeOf(delivery: Delivery): Promise<LogPosition | undefined> | LogPosition | undefined;
  isWanted(partition: number, event: CloudEvent): boolean;
  /** Everything up to this delivery was taken out of the queue. */
  onTaken(last: Delivery): void;
  /** Called before each look at the queue. @throws ServiceError `failed_precondition` `position_lost` */
  check(): Promise<void> | undefined;
  commit(positions: ReadonlyMap<number, LogPosition>): void;
  /** Never rejects. */
  close(): Promise<void>;
}

const checkIntervalMs = 1_000;

export function createBufferedReader(
  source: DeliverySource,
  topics: readonly string[],
  clock: Clock,
): LogReader {
  const { deliveries } = source;
  const wanted = new Set(topics);
  let closing: Promise<void> | undefined;

  /** Takes what has arrived, until the page is full. */
  async function fill(page: PageBuilder, limit: number): Promise<void> {
    let last: Delivery | undefined;
    for (;;) {
      const delivery = deliveries.peek();
      if (delivery === undefined || page.size >= limit) break;
      let place = source.placeOf(delivery);
      // Nearly always known at once: no turn of the event loop for each message.
      if (place instanceof Promise) place = await place;
      const { partition, message } = delivery;
      if (place !== undefined) {
        page.add(partition, place, message, (event) => source.isWanted(partition, event));
      }
      deliveries.shift();
      last = delivery;
    }
    if (last !== undefined) source.onTaken(last);
  }

  return {
    async next(limit, waitMs): Promise<LogPage> {
      const page = createPageBuilder(wanted);
      const endsAtMs = clock.nowMs() + waitMs;
      while (!deliveries.isClosed) {
        await source.check();
        await fill(page, limit);
        if (page.size > 0) break;
        if (deliveries.failure !== undefined) throw deliveries.failure;
        const leftMs = endsAtMs - clock.nowMs();
        if (leftMs <= 0) break;
        await deliveries.wait(Math.min(leftMs, checkIntervalMs));
      }
      return page.build();
    },
    async commit(positions) {
      source.commit(positions);
    },
    close() {
      deliveries.close();
      closing ??= source.close();
      return closing;
    },
  };
}

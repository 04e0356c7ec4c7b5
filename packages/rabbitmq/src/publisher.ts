import { type Clock, ServiceError } from '@banyan/core';
import { type EncodedEvent, eventsErrors } from '@banyan/events';
import type { BrokerLink } from './broker-link.ts';
import { createPublishSession, type PublishRoute, type PublishSession } from './publish-session.ts';

export interface PublisherOptions {
  readonly link: BrokerLink;
  readonly route: PublishRoute;
  readonly maxEventBytes: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export interface Publisher {
  /** See `EventLog.publish`. */
  publish(events: readonly EncodedEvent[]): Promise<void>;
}

/** Publishes over one connection, and over a new one after a failure. */
export function createPublisher(options: PublisherOptions): Publisher {
  const { link, route, maxEventBytes, timeoutMs, clock } = options;
  let current: Promise<PublishSession> | undefined;

  const open = () =>
    link.run(async (model) => {
      const opening = Array.from({ length: route.channels }, () => model.createConfirmChannel());
      const channels = await Promise.all(opening);
      // The connection goes too: its end is what makes the broker forget what it has not yet looked at.
      return createPublishSession(channels, { route, clock, onOver: () => link.abort(model) });
    });

  async function session(): Promise<PublishSession> {
    for (;;) {
      const opening = current ?? open();
      current = opening;
      const opened = await opening.catch((error: unknown) => {
        forget(opening);
        throw error;
      });
      if (!opened.isOver) return opened;
      forget(opening);
    }
  }

  /** Whoever comes first after a failure opens the next one; the others share it. */
  function forget(opening: Promise<PublishSession>): void {
    if (current === opening) current = undefined;
  }

  return {
    async publish(events) {
      refuseTooLarge(events, maxEventBytes);
      if (events.length === 0) return;
      await (await session()).publish(events, timeoutMs);
    },
  };
}

function refuseTooLarge(events: readonly EncodedEvent[], maxEventBytes: number): void {
  const ids: string[] = [];
  for (const { id, text } of events) {
    // A UTF-16 unit takes three bytes at most.
    if (text.length * 3 > maxEventBytes && Buffer.byteLength(text) > maxEventBytes) ids.push(id);
  }
  if (ids.length === 0) return;
  const { code, text } = eventsErrors.event_refused;
  throw new ServiceError(`${text} RabbitMQ takes ${maxEventBytes} bytes.`, {
    code,
    reason: 'event_refused',
    details: { ids },
  });
}

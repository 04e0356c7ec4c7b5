import { ServiceError } from '@banyan/core';
import type { LogPosition, PositionLoss } from '@banyan/events';

/**
 * A place behind a message. The sequence alone could lie: a stream that was deleted and made again, or put back to an earlier state, gives the
 * same numbers to other messages.
 */
export interface NatsPosition {
  /** Which life of the stream. */
  readonly epoch: string;
  /** Sequence of the message in the stream; 0 is before all. */
  readonly sequence: number;
  /** End of that message's id; empty if it has none. */
  readonly check: string;
}

const shape = /^([0-9a-z]+)\.(\d{1,16})\.([0-9a-z-]*)$/;

export function formatPosition({ epoch, sequence, check }: NatsPosition): LogPosition {
  return `${epoch}.${sequence}.${check}`;
}

/** @throws ServiceError `position_lost` if it is none of a NATS log */
export function parsePosition(position: LogPosition): NatsPosition {
  const [, epoch, sequence, check] = shape.exec(position) ?? [];
  if (epoch === undefined || sequence === undefined || check === undefined) {
    throw positionLost('foreign');
  }
  return { epoch, sequence: Number(sequence), check };
}

/** Random in a UUIDv7, so that another message hardly has the same. */
export function checkOf(messageId: string | undefined): string {
  return (messageId ?? '').slice(-12).replace(/[^0-9a-z-]/g, '');
}

const losses: Readonly<Record<PositionLoss, string>> = {
  foreign: 'the position is of another log',
  recreated: 'it was created anew',
  put_back: 'it was put back to an earlier state',
  dropped: 'retention dropped it',
};

/** With `details: { loss }`. */
export function positionLost(loss: PositionLoss): ServiceError {
  return new ServiceError(`The NATS stream does not hold what comes next: ${losses[loss]}.`, {
    code: 'failed_precondition',
    reason: 'position_lost',
    details: { loss },
  });
}

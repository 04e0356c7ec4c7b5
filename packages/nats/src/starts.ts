import type { LogPosition, ReadRequest, StartAt } from '@banyan/events';
import type { EventStream, StreamPlace } from './event-stream.ts';
import { formatPosition, type NatsPosition, parsePosition, positionLost } from './position.ts';

export interface Starts {
  /** Sequence of the first message to read, by partition. */
  readonly first: ReadonlyMap<number, number>;
  /** Places that were found and not given: at the end, or at a time. Where to read on, even if nothing comes. */
  readonly found: ReadonlyMap<number, LogPosition>;
}

/**
 * Where to begin in each partition.
 * @throws ServiceError `position_lost` if the stream does not hold what follows a position, or is not the one that the position is of
 */
export async function resolveStarts(
  stream: EventStream,
  from: ReadRequest['from'],
  place: StreamPlace,
): Promise<Starts> {
  const positions = [...from.values()].filter((start) => isPosition(start));
  await verifyPositions(stream, new Set(positions.map(({ position }) => position)), place);
  const first = new Map<number, number>();
  const found = new Map<number, LogPosition>();
  const sequences = new Map<string, Promise<number>>();
  for (const [partition, start] of from) {
    if (start === 'start') first.set(partition, place.first);
    else if (isPosition(start)) first.set(partition, parsePosition(start.position).sequence + 1);
    else {
      const time = start === 'end' ? start : start.time;
      const asked =
        sequences.get(time) ?? (time === 'end' ? Promise.resolve(place.last + 1) : stream.sequenceAt(time));
      sequences.set(time, asked);
      const sequence = await asked;
      first.set(partition, sequence);
      found.set(partition, formatPosition({ epoch: place.epoch, sequence: sequence - 1, check: '' }));
    }
  }
  return { first, found };
}

/** Asks for the message that each position stands behind: another one means that the stream was put back to an earlier state and went on. */
async function verifyPositions(
  stream: EventStream,
  positions: ReadonlySet<LogPosition>,
  { epoch, first, last }: StreamPlace,
): Promise<void> {
  const parsed = [...positions].map(parsePosition);
  for (const position of parsed) {
    if (position.epoch !== epoch) throw positionLost('recreated');
    if (position.sequence > last) throw positionLost('put_back');
    if (position.sequence + 1 < first) throw positionLost('dropped');
  }
  await Promise.all(parsed.map((position) => verifyMessage(stream, position)));
}

async function verifyMessage(stream: EventStream, { sequence, check }: NatsPosition): Promise<void> {
  if (check === '') return;
  const found = await stream.checkAt(sequence);
  // Gone is no proof: retention, or somebody who removed one message.
  if (found !== undefined && found !== check) throw positionLost('put_back');
}

function isPosition(start: StartAt): start is { readonly position: LogPosition } {
  return typeof start === 'object' && 'position' in start;
}

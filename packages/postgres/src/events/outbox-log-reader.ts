import { type Clock, ServiceError } from '@banyan/core';
import {
  type CloudEvent,
  createWakeUp,
  decodeEvent,
  type LogPage,
  type LogPosition,
  type LogReader,
  type MalformedRecord,
  orderingKeyOf,
  type PositionLoss,
  partitionOf,
  toMalformedRecord,
  type WakeUp,
} from '@banyan/events';
import { outboxPartitions } from './outbox-append.ts';
import { type Place, showsRow, toCursor } from './outbox-cursor.ts';
import type { OutboxHome } from './outbox-home.ts';
import { isAhead, lowestOf } from './outbox-places.ts';
import { type Scan, type ScannedRow, scanOutbox } from './outbox-scan.ts';
import type { OutboxSource } from './outbox-source.ts';

/** Where a reader begins in one outbox. */
export interface OutboxStart {
  /** Of the outbox, see `OutboxState`. */
  readonly id: string;
  readonly home: OutboxHome;
  readonly places: ReadonlyMap<number, Place>;
}

export interface OutboxLogReaderOptions {
  readonly sources: readonly OutboxSource[];
  readonly topics: readonly string[];
  readonly partitions: readonly number[];
  /** Where to begin; undefined while the outbox is not there. Asked again until it is; `isNew` if it was not there before. */
  readonly begin: (source: OutboxSource, isNew: boolean) => Promise<OutboxStart | undefined>;
  readonly clock: Clock;
  readonly onClose: () => void;
}

export interface OutboxLogReader extends LogReader {
  /** Finds the places to begin at, in the outboxes that are there. */
  begin(): Promise<void>;
  /** Events may have been committed in this outbox. */
  wake(source: OutboxSource): void;
}

export function createOutboxLogReader(options: OutboxLogReaderOptions): OutboxLogReader {
  return new OutboxesReader(options);
}

/** If a wake-up was lost. */
const pollMs = 1_000;
/** A partition that had no event is reported once its place has moved so far: each report is a row that the consumer writes. */
const reportEvery = 5_000;

class OutboxesReader implements OutboxLogReader {
  readonly #options: OutboxLogReaderOptions;
  readonly #tracks: readonly OutboxTrack[];
  readonly #wakeUp: WakeUp;
  #turn = 0;
  #isClosed = false;

  constructor(options: OutboxLogReaderOptions) {
    this.#options = options;
    this.#wakeUp = createWakeUp(options.clock);
    this.#tracks = options.sources.map((source) => new OutboxTrack(source, options));
  }

  async begin(): Promise<void> {
    await Promise.all(this.#tracks.map((track) => track.begin()));
  }

  async next(limit: number, waitMs: number): Promise<LogPage> {
    const { clock } = this.#options;
    const endsAtMs = clock.nowMs() + waitMs;
    while (!this.#isClosed) {
      for (const track of this.#inTurn()) {
        if (!track.isDue) continue;
        const rows = await track.read(limit);
        if (this.#isClosed) break;
        if (rows.length > 0) return this.#toPage(track, rows);
      }
      const restMs = endsAtMs - clock.nowMs();
      if (restMs <= 0) break;
      if (!this.#tracks.some(({ isDue }) => isDue))
        await this.#wakeUp.wait(Math.min(restMs, this.#untilPollMs()));
    }
    return { events: [], malformed: [], positions: this.#positions(({ hasMoved }) => hasMoved) };
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#wakeUp.wake();
    this.#options.onClose();
    return Promise.resolve();
  }

  wake(source: OutboxSource): void {
    for (const track of this.#tracks) if (track.source === source) track.wake();
    this.#wakeUp.wake();
  }

  /** Whoever was read last comes last, so that a busy service does not keep others waiting. */
  #inTurn(): readonly OutboxTrack[] {
    this.#turn += 1;
    const first = this.#turn % Math.max(1, this.#tracks.length);
    return [...this.#tracks.slice(first), ...this.#tracks.slice(0, first)];
  }

  #toPage(track: OutboxTrack, rows: readonly WantedRow[]): LogPage {
    const events: CloudEvent[] = [];
    const malformed: MalformedRecord[] = [];
    const touched = new Set<number>();
    for (const { partition, seq, text, event, error } of rows) {
      touched.add(partition);
      if (event !== undefined) events.push(event);
      else {
        const position = `${track.source.service} ${seq}`;
        malformed.push(toMalformedRecord({ partition, position, topic: undefined, text }, error));
      }
    }
    const isReported = ({ partition, isFar }: PartitionStanding) => touched.has(partition) || isFar;
    return { events, malformed, positions: this.#positions(isReported) };
  }

  #positions(isReported: (standing: PartitionStanding) => boolean): ReadonlyMap<number, LogPosition> {
    const positions = new Map<number, LogPosition>();
    let common: LogPosition | undefined;
    for (const partition of this.#options.partitions) {
      const standings = this.#tracks.map((track) => track.standingOf(partition));
      if (!standings.some(isReported)) continue;
      if (standings.some(({ hasOwnPlace }) => hasOwnPlace))
        positions.set(partition, this.#positionOf(partition));
      else {
        common ??= this.#positionOf(partition);
        positions.set(partition, common);
      }
      for (const track of this.#tracks) track.told(partition);
    }
    return positions;
  }

  #positionOf(partition: number): LogPosition {
    return this.#tracks.flatMap((track) => track.positionOf(partition) ?? []).join(';');
  }

  #untilPollMs(): number {
    const nowMs = this.#options.clock.nowMs();
    return this.#tracks.reduce(
      (least, { pollAtMs }) => Math.min(least, Math.max(1, pollAtMs - nowMs)),
      pollMs,
    );
  }
}

/** A row of somebody who listens; without an event if it holds none. */
interface WantedRow {
  readonly partition: number;
  readonly seq: string;
  readonly text: string;
  readonly event?: CloudEvent;
  readonly error?: unknown;
}

function decode(text: string): Pick<WantedRow, 'event' | 'error'> {
  try {
    return { event: decodeEvent(text) };
  } catch (error) {
    return { error };
  }
}

interface PartitionStanding {
  readonly partition: number;
  /** It goes on from another place than the outbox as a whole. */
  readonly hasOwnPlace: boolean;
  readonly hasMoved: boolean;
  readonly isFar: boolean;
}

/** A reader's way through one outbox: one place for all partitions, and for those that were ahead when it began what they had seen. */
class OutboxTrack {
  readonly source: OutboxSource;
  readonly #options: OutboxLogReaderOptions;
  #id = '';
  #place: Place | undefined;
  #own: ReadonlyMap<number, Place> = new Map();
  readonly #told = new Map<number, number>();
  #isWoken = true;
  #hasScanned = false;
  #wasMissing = false;
  pollAtMs = 0;

  constructor(source: OutboxSource, options: OutboxLogReaderOptions) {
    this.source = source;
    this.#options = options;
  }

  get isDue(): boolean {
    return this.#isWoken || this.#options.clock.nowMs() >= this.pollAtMs;
  }

  wake(): void {
    this.#isWoken = true;
  }

  /** The next rows that were asked for, if there are any. @throws ServiceError `failed_precondition` `position_lost` */
  async read(limit: number): Promise<readonly WantedRow[]> {
    const { clock } = this.#options;
    this.#isWoken = false;
    this.pollAtMs = clock.nowMs() + pollMs;
    await this.begin();
    for (let place = this.#place; place !== undefined; place = this.#place) {
      const { rows, more } = await this.#scan(place, limit);
      const wanted = rows.flatMap((row) => this.#toWanted(row) ?? []);
      if (wanted.length > 0) this.#isWoken ||= more;
      if (wanted.length > 0 || !more) return wanted;
    }
    return [];
  }

  async #scan(place: Place, limit: number): Promise<Scan> {
    const { topics, partitions } = this.#options;
    try {
      const scan = await scanOutbox(this.source.database.sql, place, { topics, partitions, limit });
      if (isAhead(place, scan.standing)) throw wasPutBack(this.source.service);
      if (Number(place.after) < scan.prunedTo)
        throw positionLost(this.source.service, 'dropped', 'no longer keeps what comes next');
      this.#place = scan.place;
      this.#hasScanned = true;
      return scan;
    } catch (error) {
      this.#isWoken = true;
      throw error;
    }
  }

  /** Undefined for rows that others asked for, and for what a partition had seen when the reader began, further on than others. */
  #toWanted(row: ScannedRow): WantedRow | undefined {
    if (row.event === null) return undefined;
    const read = decode(row.event);
    const partition =
      row.partition ??
      (read.event === undefined ? 0 : partitionOf(orderingKeyOf(read.event), outboxPartitions));
    const own = this.#own.get(partition);
    const isWanted = own === undefined ? this.#options.partitions.includes(partition) : !showsRow(own, row);
    return isWanted ? { partition, seq: row.seq, text: row.event, ...read } : undefined;
  }

  standingOf(partition: number): PartitionStanding {
    this.#forgetOwn();
    const distance = Number(this.#place?.after ?? 0) - (this.#told.get(partition) ?? 0);
    const hasOwnPlace = this.#own.has(partition);
    return {
      partition,
      hasOwnPlace,
      hasMoved: distance > 0 && !hasOwnPlace,
      isFar: distance >= reportEvery && !hasOwnPlace,
    };
  }

  positionOf(partition: number): string | undefined {
    const place = this.#own.get(partition) ?? this.#place;
    return place === undefined ? undefined : `${this.source.service}@${this.#id} ${toCursor(place)}`;
  }

  told(partition: number): void {
    this.#told.set(partition, Number((this.#own.get(partition) ?? this.#place)?.after ?? 0));
  }

  /** At the lowest of the places: what some partitions have seen behind it is passed over. */
  async begin(): Promise<void> {
    if (this.#place !== undefined) return;
    const start = await this.#options.begin(this.source, this.#wasMissing);
    this.#wasMissing ||= start === undefined;
    const [first] = start?.places.values() ?? [];
    if (start === undefined || first === undefined) return;
    const standing = await this.source.standing();
    const places = [...start.places.values()];
    if (places.some((place) => isAhead(place, standing))) throw wasPutBack(this.source.service);
    this.#id = start.id;
    for (const [partition, { after }] of start.places) this.#told.set(partition, Number(after));
    const isSame = places.every((place) => toCursor(place) === toCursor(first));
    if (!isSame) this.#own = start.places;
    this.#place = isSame ? first : lowestOf(places, start.home);
  }

  /** Behind them all, everybody has seen the same. */
  #forgetOwn(): void {
    const place = this.#place;
    if (this.#own.size === 0 || !this.#hasScanned || place === undefined || place.late !== undefined) return;
    if ([...this.#own.values()].every(({ after }) => BigInt(after) <= BigInt(place.after)))
      this.#own = new Map();
  }
}

function wasPutBack(service: string): ServiceError {
  return positionLost(service, 'put_back', 'was put back to an earlier state');
}

function positionLost(service: string, loss: PositionLoss, why: string): ServiceError {
  return new ServiceError(`The outbox of ${service} ${why}.`, {
    code: 'failed_precondition',
    reason: 'position_lost',
    details: { loss },
  });
}

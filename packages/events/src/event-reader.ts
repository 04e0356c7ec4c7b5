import type { Clock, Logger } from '@banyan/core';
import type { EventLog, LogPosition } from './event-log.ts';
import type { Checkpoint, Inbox } from './inbox.ts';
import { createWakeUp, type WakeUp } from './wake-up.ts';

export interface EventReaderOptions {
  readonly log: EventLog;
  readonly inbox: Inbox;
  readonly topics: readonly string[];
  readonly batchSize: number;
  readonly pollIntervalMs: number;
  /** Hands each batch over twice, as a broker does that lost an acknowledgement. */
  readonly isRepeating: boolean;
  /** Called after events were stored. */
  readonly onIngest: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
}

/** Copies the events of some topics from the log into the inbox, each topic from where it was left. */
export interface EventReader {
  readonly consecutiveFailures: number;
  readonly lastError: unknown;
  start(): void;
  /** Resolves when nothing is under way any more. */
  stop(): Promise<void>;
  poke(): void;
}

export function createEventReader(options: EventReaderOptions): EventReader {
  return new LogReader(options);
}

const firstBackoffMs = 50;
const maxBackoffMs = 10_000;

class LogReader implements EventReader {
  readonly #options: EventReaderOptions;
  readonly #topics: ReadonlySet<string>;
  readonly #wakeUp: WakeUp;
  consecutiveFailures = 0;
  lastError: unknown;
  #running = false;
  #loop: Promise<void> | undefined;
  #unsubscribe = () => {};
  #checkpoint: Checkpoint | undefined;

  constructor(options: EventReaderOptions) {
    this.#options = options;
    this.#topics = new Set(options.topics);
    this.#wakeUp = createWakeUp(options.clock);
  }

  start(): void {
    if (this.#running || this.#topics.size === 0) return;
    this.#running = true;
    this.#unsubscribe = this.#options.log.onAppend((topics) => {
      if (topics === undefined || topics.some((topic) => this.#topics.has(topic))) this.#wakeUp.wake();
    });
    const earlier = this.#loop;
    this.#loop = this.#run(earlier);
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#unsubscribe();
    this.#wakeUp.wake();
    await this.#loop;
  }

  poke(): void {
    this.#wakeUp.wake();
  }

  async #run(earlier: Promise<void> | undefined): Promise<void> {
    await earlier;
    while (this.#running) {
      const delayMs = await this.#step();
      if (delayMs > 0 && this.#running) await this.#wakeUp.wait(delayMs);
    }
  }

  async #step(): Promise<number> {
    const { pollIntervalMs, logger, random } = this.#options;
    try {
      const isMore = await this.#readOnce();
      this.consecutiveFailures = 0;
      this.lastError = undefined;
      return isMore ? 0 : pollIntervalMs;
    } catch (error) {
      // What was read before may be half stored, or not: ask again.
      this.#checkpoint = undefined;
      this.lastError = error;
      this.consecutiveFailures += 1;
      const bound = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(this.consecutiveFailures, 20));
      const delayMs = Math.round(bound * (0.5 + random() / 2));
      logger.warn('the event log could not be read', { error, retryInMs: delayMs });
      return delayMs;
    }
  }

  /** Reads on in every group of topics that stand at the same place; true if there may be more at once. */
  async #readOnce(): Promise<boolean> {
    const { log, inbox, batchSize } = this.#options;
    this.#checkpoint ??= await inbox.checkpoint(log.id);
    let isMore = false;
    for (const [after, topics] of groupByPosition(this.#options.topics, this.#checkpoint)) {
      const page = await log.read(topics, after, batchSize);
      isMore ||= page.more;
      if (page.position === after) continue;
      const positions = { ...this.#checkpoint.positions };
      for (const topic of topics) positions[topic] = page.position;
      const from: Checkpoint = this.#checkpoint;
      const ingestion = { log: log.id, from, positions, events: page.events };
      this.#checkpoint = await inbox.ingest(ingestion);
      if (this.#options.isRepeating && this.#checkpoint !== undefined) {
        this.#checkpoint = await inbox.ingest({ ...ingestion, from: this.#checkpoint });
      }
      if (page.events.length > 0) this.#options.onIngest();
      // Another instance of this consumer was faster: go on from where it is.
      if (this.#checkpoint === undefined) return true;
    }
    return isMore;
  }
}

function groupByPosition(
  topics: readonly string[],
  checkpoint: Checkpoint,
): ReadonlyMap<LogPosition | undefined, readonly string[]> {
  const groups = new Map<LogPosition | undefined, string[]>();
  for (const topic of topics) {
    const position = Object.hasOwn(checkpoint.positions, topic) ? checkpoint.positions[topic] : undefined;
    const group = groups.get(position);
    if (group === undefined) groups.set(position, [topic]);
    else group.push(topic);
  }
  return groups;
}

import { randomBytes } from 'node:crypto';
import { type Clock, isServiceError, type Logger, sleep } from '@banyan/core';
import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  type StorageType,
  type StreamInfo,
} from '@nats-io/jetstream';
import { natsError } from './errors.ts';
import type { JetStreamConnection } from './nats-connection.ts';
import type { NatsUrl } from './nats-url.ts';
import { checkOf } from './position.ts';
import { parseSubjectSpace, type SubjectSpace, subjectOf } from './subjects.ts';

const nanosPerMs = 1_000_000;
const file = 'file' satisfies `${StorageType}` as StorageType;

/** What stands in the stream now. */
export interface StreamPlace extends SubjectSpace {
  /** Sequence of the oldest message kept, or of the next one if there is none. */
  readonly first: number;
  /** Sequence of the newest message ever added; 0 before. */
  readonly last: number;
}

/** The one stream that holds all partitions. */
export class EventStream {
  readonly name: string;
  readonly #connection: JetStreamConnection;
  readonly #url: NatsUrl;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #wasThere = false;
  #ensuring: Promise<StreamInfo> | undefined;

  constructor(
    connection: JetStreamConnection,
    url: NatsUrl,
    { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#connection = connection;
    this.#url = url;
    this.#clock = clock;
    this.#logger = logger;
    this.name = url.name;
  }

  /** Creates the stream where it is missing. @throws ServiceError `nats_stream_unfit`, `nats_unavailable`, `nats_denied` */
  ensure(): Promise<StreamInfo> {
    this.#ensuring ??= this.#ensure()
      .then((info) => {
        this.#wasThere = true;
        return info;
      })
      .finally(() => {
        this.#ensuring = undefined;
      });
    return this.#ensuring;
  }

  async place(): Promise<StreamPlace> {
    return placeOf(await this.ensure());
  }

  /** Sequence of the first message added at or after a time, by the server's clock; the next one's if there is none. */
  async sequenceAt(time: string): Promise<number> {
    const { sequence } = await this.#probe({ deliver_policy: DeliverPolicy.StartTime, opt_start_time: time });
    return sequence;
  }

  /** How many messages of a subject have at least this sequence. */
  async countFrom(sequence: number, filter: string): Promise<number> {
    const { pending } = await this.#probe({
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: sequence,
      filter_subject: filter,
    });
    return pending;
  }

  /** The check of the message with this sequence; undefined if it is not there (any more). */
  async checkAt(sequence: number): Promise<string | undefined> {
    const { jsm } = this.#connection;
    const message = await this.#connection.ask(() => jsm.streams.getMessage(this.name, { seq: sequence }));
    return message === null ? undefined : checkOf(message.header.get('Nats-Msg-Id'));
  }

  async purgeBefore(sequence: number): Promise<number> {
    const { jsm } = this.#connection;
    const { purged } = await this.#connection.ask(() => jsm.streams.purge(this.name, { seq: sequence }));
    return purged;
  }

  /** A consumer that nobody acknowledges, kept in the server's memory: if it goes, its reader opens another one. */
  addConsumer(config: Partial<ConsumerConfig>): Promise<ConsumerInfo> {
    return this.#connection.ask(() =>
      this.#connection.jsm.consumers.add(this.name, {
        ack_policy: AckPolicy.None,
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: 60_000 * nanosPerMs,
        ...config,
      }),
    );
  }

  /** Not worth waiting for: the server removes an idle consumer by itself. */
  dropConsumer(consumer: string): void {
    this.#connection
      .ask(() => this.#connection.jsm.consumers.delete(this.name, consumer))
      .catch(() => undefined);
  }

  /** The server finds the place for a consumer when it creates one. */
  async #probe(config: Partial<ConsumerConfig>): Promise<{ sequence: number; pending: number }> {
    const { name, delivered, num_pending: pending } = await this.addConsumer(config);
    this.dropConsumer(name);
    return { sequence: delivered.stream_seq + 1, pending };
  }

  async #ensure(): Promise<StreamInfo> {
    const found = await this.#find();
    if (found !== undefined) return found;
    if (!this.#wasThere) return this.#create();
    // A server that is still deleting a stream lets it be created, and then two share its files (seen with 2.9).
    await sleep(deletionMs, this.#clock);
    return (await this.#find()) ?? this.#create();
  }

  async #find(): Promise<StreamInfo | undefined> {
    try {
      const { jsm } = this.#connection;
      return this.#checked(await this.#connection.ask(() => jsm.streams.info(this.name)));
    } catch (error) {
      if (hasCode(error, JetStreamApiCodes.StreamNotFound)) return undefined;
      throw error;
    }
  }

  async #create(): Promise<StreamInfo> {
    try {
      const { jsm } = this.#connection;
      const created = await this.#connection.ask(() => jsm.streams.add(this.#config()));
      this.#logger.info('created the NATS stream', { stream: this.name });
      return created;
    } catch (error) {
      if (hasCode(error, nameInUse)) return (await this.#find()) ?? Promise.reject(error);
      const refused = causeOf(error);
      // 5xx: such as a folder that is still being deleted, gone after a moment.
      if (refused === undefined || (refused.status >= 500 && !hasCode(error, replicasWithoutCluster)))
        throw error;
      throw natsError('nats_stream_unfit', {
        message: `NATS cannot create the stream '${this.name}': ${refused.message}.`,
        cause: error,
      });
    }
  }

  #config() {
    const { partitions, replicas, retentionMs, rememberIdsForMs } = this.#url;
    const space = { name: this.name, epoch: randomBytes(5).toString('hex') };
    return {
      name: this.name,
      subjects: Array.from({ length: partitions }, (_, partition) => subjectOf(space, partition)),
      storage: file,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      num_replicas: replicas,
      max_age: retentionMs * nanosPerMs,
      duplicate_window: rememberIdsForMs * nanosPerMs,
    };
  }

  /** An operator may give the stream other limits; its partitions decide where keys are, so they must be those of the URL. */
  #checked(info: StreamInfo): StreamInfo {
    const { subjects, storage, retention } = info.config;
    const { partitions } = this.#url;
    const found = parseSubjectSpace(this.name, subjects);
    if (found?.partitions !== partitions) {
      const has = found === undefined ? 'subjects of another kind' : `${found.partitions} partitions`;
      throw natsError('nats_stream_unfit', {
        message: `The NATS stream '${this.name}' has ${has}, and the URL asks for ${partitions} partitions: say what it has, or choose another name.`,
      });
    }
    if (storage !== file || retention !== RetentionPolicy.Limits) {
      throw natsError('nats_stream_unfit', {
        message: `The NATS stream '${this.name}' must have file storage and limits retention.`,
      });
    }
    return info;
  }
}

/** "Stream name already in use with a different configuration": somebody else created it at the same time. */
const nameInUse = 10_058;
const deletionMs = 500;
const replicasWithoutCluster = 10_074;

function hasCode(error: unknown, code: number): boolean {
  return causeOf(error)?.code === code;
}

/** What the server said, if it was an answer. */
function causeOf(error: unknown): JetStreamApiError | undefined {
  const cause = isServiceError(error) ? error.cause : error;
  return cause instanceof JetStreamApiError ? cause : undefined;
}

export function placeOf({ config, state }: StreamInfo): StreamPlace {
  const { first_seq: first, last_seq: last, messages } = state;
  const epoch = config.subjects[0]?.split('.')[1] ?? '';
  return { name: config.name, epoch, first: messages === 0 ? last + 1 : first, last };
}

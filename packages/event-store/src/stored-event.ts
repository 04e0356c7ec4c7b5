import type { Sql } from '@banyan/core';
import type { EventMetadata, RecordedEvent } from './event-store.ts';
import type { EventReader, EventTypes } from './event-types.ts';
import type { Sealing } from './sealing.ts';
import type { SubjectKey } from './subject-keys.ts';

/** A row of `banyan.event`; `data` and `metadata` as text. */
export interface EventRow {
  readonly position: number;
  readonly revision: number;
  readonly recordedAt: string;
  readonly version: number;
  readonly stream: string;
  readonly type: string;
  readonly data: string;
  readonly metadata: string | null;
  readonly tags: readonly string[] | null;
}

const noMetadata: EventMetadata = Object.freeze({});
const noTags: readonly string[] = Object.freeze([]);

/** Rows as events of the current versions, decrypted where the key is still there. */
export class EventDecoder<Types extends EventTypes> {
  readonly #reader: EventReader<Types>;
  readonly #sealing: Sealing;

  constructor(reader: EventReader<Types>, sealing: Sealing) {
    this.#reader = reader;
    this.#sealing = sealing;
  }

  /** @throws ServiceError `event_type_unknown`, `event_version_unknown`, `event_upcast_failed`, `event_tampered`, `key_encryption_key_missing` */
  async decode(sql: Sql, rows: readonly EventRow[]): Promise<RecordedEvent<Types>[]> {
    const keys = await this.#sealing.keysFor(sql, rows);
    return rows.map((row) => this.#toEvent(row, keys));
  }

  #toEvent(row: EventRow, keys: ReadonlyMap<string, SubjectKey> | undefined): RecordedEvent<Types> {
    const { type, version, stream } = row;
    let data: unknown = JSON.parse(row.data);
    let erased = false;
    let subject: string | undefined;
    if (keys !== undefined && this.#sealing.isPersonal(type)) {
      ({ data, erased, subject } = this.#sealing.open(data, { stream, type, keys }));
    }
    data = this.#reader.upcast(type, version, data);
    const event = {
      type,
      data: erased ? this.#sealing.erase(type, data) : data,
      stream,
      revision: row.revision,
      position: row.position,
      recordedAt: row.recordedAt,
      version,
      metadata: row.metadata === null ? noMetadata : (JSON.parse(row.metadata) as EventMetadata),
      tags: row.tags ?? noTags,
      erased,
      subject,
    };
    // The type of `data` follows from `type`, which is erased here.
    return event as unknown as RecordedEvent<Types>;
  }
}

import { randomBytes } from 'node:crypto';
import type { Sql } from '@banyan/core';
import { eventStoreError } from './errors.ts';
import { seal, unseal } from './key-wrapping.ts';

/** The keys that encrypt the keys of subjects. They come from configuration, never from the database. */
export interface KeyEncryption {
  /** 32 bytes each, by name. Older ones stay until `rewrapKeys` has run. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
  /** Name of the one that wraps new keys. */
  readonly current: string;
  /** How long the key of a subject stays in memory, in ms, and so may still be used after another process has forgotten the subject. Default 10,000. */
  readonly cacheMs?: number;
}

interface KeyRow {
  readonly subject: string;
  readonly kek: string;
  readonly wrapped: Uint8Array | null;
}

/** The key of a subject, or `undefined` for one that was forgotten. */
export type SubjectKey = Uint8Array | undefined;

const keyBytes = 32;
const maxCached = 10_000;

/** The keys of subjects, in `banyan.event_key`. */
export class SubjectKeys {
  readonly #encryption: KeyEncryption | undefined;
  readonly #own: Sql;
  readonly #cache = new Map<string, { readonly key: SubjectKey; readonly untilMs: number }>();

  /**
   * @param own statements outside of any transaction: only what they read is remembered
   * @throws TypeError if a key has another length, or the current one is missing
   */
  constructor(encryption: KeyEncryption | undefined, own: Sql) {
    this.#own = own;
    if (encryption !== undefined) {
      for (const [name, key] of Object.entries(encryption.keys)) {
        if (!(key instanceof Uint8Array) || key.length !== keyBytes) {
          throw new TypeError(`encryption.keys.${name} must have ${keyBytes} bytes.`);
        }
      }
      if (!Object.hasOwn(encryption.keys, encryption.current)) {
        throw new TypeError(`encryption.current names '${encryption.current}', which is not in 'keys'.`);
      }
    }
    this.#encryption = encryption;
  }

  /** Keys for reading; a subject that never had a key is as one that was forgotten. */
  async find(sql: Sql, subjects: ReadonlySet<string>): Promise<ReadonlyMap<string, SubjectKey>> {
    const found = new Map<string, SubjectKey>();
    const missing: string[] = [];
    for (const subject of subjects) {
      const cached = this.#cache.get(subject);
      if (cached !== undefined && cached.untilMs > performance.now()) found.set(subject, cached.key);
      else missing.push(subject);
    }
    if (missing.length === 0) return found;
    const rows = await this.#select(sql, missing);
    for (const subject of missing) {
      const row = rows.find((each) => each.subject === subject);
      const key = row === undefined ? undefined : this.#unwrap(row);
      found.set(subject, key);
      // A transaction may have made the key itself, and still roll back.
      if (row !== undefined && sql === this.#own) this.#remember(subject, key);
    }
    return found;
  }

  /**
   * Keys for writing; those that are missing are made, in the transaction of `sql`.
   * @throws ServiceError `failed_precondition` `subject_forgotten`, `key_encryption_key_missing`
   */
  async findOrCreate(sql: Sql, subjects: ReadonlySet<string>): Promise<ReadonlyMap<string, Uint8Array>> {
    const { keys, current } = this.#required();
    const kek = keys[current] as Uint8Array;
    const list = [...subjects].sort();
    let rows = await this.#select(sql, list);
    const missing = list.filter((subject) => !rows.some((row) => row.subject === subject));
    if (missing.length > 0) {
      for (const subject of missing) {
        const wrapped = seal(kek, randomBytes(keyBytes), subject);
        await sql`
          insert into banyan.event_key (subject, kek, wrapped) values (${subject}, ${current}, ${wrapped})
          on conflict (subject) do nothing`;
      }
      // Another append may have made one first. Not cached: this transaction may still roll back.
      rows = await this.#select(sql, list);
    }
    return new Map(
      rows.map((row) => {
        const key = this.#unwrap(row);
        if (key === undefined) throw eventStoreError('subject_forgotten');
        return [row.subject, key];
      }),
    );
  }

  async rewrap(sql: Sql): Promise<number> {
    const { keys, current } = this.#required();
    let count = 0;
    for (;;) {
      const rows = await sql<KeyRow>`
        select subject, kek, wrapped from banyan.event_key where kek <> ${current} and wrapped is not null order by subject limit 500`;
      if (rows.length === 0) return count;
      for (const row of rows) {
        const key = this.#unwrap(row) as Uint8Array;
        const wrapped = seal(keys[current] as Uint8Array, key, row.subject);
        // Whoever was forgotten in the meantime stays forgotten.
        await sql`
          update banyan.event_key set kek = ${current}, wrapped = ${wrapped}
          where subject = ${row.subject} and kek = ${row.kek} and wrapped is not null`;
        count += 1;
      }
    }
  }

  clear(): void {
    this.#cache.clear();
  }

  #select(sql: Sql, subjects: readonly string[]): Promise<KeyRow[]> {
    return sql<KeyRow>`
      select subject, kek, wrapped from banyan.event_key where subject = any(${sql.array(subjects, 'text')})`;
  }

  #required(): KeyEncryption {
    if (this.#encryption === undefined) throw eventStoreError('key_encryption_key_missing');
    return this.#encryption;
  }

  #unwrap({ subject, kek, wrapped }: KeyRow): SubjectKey {
    if (wrapped === null) return undefined;
    const { keys } = this.#required();
    const key = Object.hasOwn(keys, kek) ? keys[kek] : undefined;
    if (key === undefined) {
      throw eventStoreError('key_encryption_key_missing', {
        message: `The key-encryption key '${kek}' is not configured.`,
      });
    }
    try {
      return unseal(key, wrapped, subject);
    } catch (cause) {
      throw eventStoreError('event_tampered', {
        message: 'The key of a subject does not authenticate.',
        cause,
      });
    }
  }

  #remember(subject: string, key: SubjectKey): void {
    if (this.#cache.size >= maxCached) this.#cache.clear();
    const cacheMs = this.#encryption?.cacheMs ?? 10_000;
    this.#cache.set(subject, { key, untilMs: performance.now() + cacheMs });
  }
}

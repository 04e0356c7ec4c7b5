import type { Sql } from '@banyan/banyan';
import { handleHash, newHandle } from '../keys/handle.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { RequestSignIn, type SignInMark } from './request-sign-in.ts';

/** What is stored under an id; these members are looked for. */
export interface Payload {
  readonly [member: string]: unknown;
}

/**
 * What the protocol remembers, by kind and id. Ids are secrets that somebody holds, so their hashes are stored; payloads have them inside, so
 * they are encrypted. What has expired is not found, and neither is what comes of a sign-in that no longer counts, whenever it was written. For one
 * request: what is written comes of the sign-in that the records come of which it has read.
 */
export interface RecordStore {
  upsert(kind: string, id: string, payload: Payload, lifetimeS: number): Promise<void>;
  /** With `consumed`, in seconds since 1970, if it was. */
  find(kind: string, id: string): Promise<Payload | undefined>;
  findByUid(kind: string, uid: string): Promise<Payload | undefined>;
  /**
   * @returns true for one of all who try. The others end its grant: one of two who hold it may be a thief (RFC 6749, 4.1.2; RFC 9700, 4.14)
   */
  consume(kind: string, id: string): Promise<boolean>;
  /**
   * Uses a refresh token. Whoever comes with it again within the grace, before its successor was used, did not get the answer, and is given the same
   * successor. Of whoever comes later, or after that, nobody can tell whether they are a thief: the grant is to be ended.
   */
  rotate(id: string, graceS: number): Promise<Rotation>;
  destroy(kind: string, id: string): Promise<void>;
  /** What was made under a grant, and the grant itself. */
  endGrant(grantId: string): Promise<void>;
  /** @param mark as tokens name their grant */
  hasGrant(mark: string): Promise<boolean>;
  /** The payloads of one kind that are about an account. */
  ofAccount(kind: string, accountId: string): Promise<readonly Payload[]>;
}

export type Rotation =
  | { readonly kind: 'rotated'; readonly successor: string }
  | { readonly kind: 'reused' }
  /** Its grant has ended meanwhile. */
  | { readonly kind: 'gone' };

interface Row extends SignInMark {
  readonly idHash: string;
  readonly sealed: string;
  readonly consumedS: number | null;
}

export interface RecordStoreOptions {
  readonly sql: Sql;
  readonly ring: KeyRing;
  /** Called once grants are gone, with what tokens name them by. */
  readonly onGrantsEnd: (marks: readonly string[]) => Promise<void>;
}

export function createRecordStore(options: RecordStoreOptions): RecordStore {
  return new SealedRecords(options);
}

class SealedRecords implements RecordStore {
  readonly #sql: Sql;
  readonly #ring: KeyRing;
  readonly #onGrantsEnd: RecordStoreOptions['onGrantsEnd'];
  readonly #signIn = new RequestSignIn();

  constructor({ sql, ring, onGrantsEnd }: RecordStoreOptions) {
    this.#sql = sql;
    this.#ring = ring;
    this.#onGrantsEnd = onGrantsEnd;
  }

  async upsert(kind: string, id: string, payload: Payload, lifetimeS: number): Promise<void> {
    const idHash = handleHash(id);
    const sealed = this.#ring.seal(JSON.stringify(payload), place(kind, idHash));
    const { accountId } = payload;
    const { signedInAt, passwordRevision } = this.#signIn.markOf(payload);
    // A grant stays as old as it was: tokens name it that came of its first sign-in.
    await this.#sql`
      insert into records as known
        (kind, id_hash, sealed, grant_hash, uid_hash, account_id, signed_in_at, password_revision, expires_at)
      values (${kind}, ${idHash}, ${sealed}, ${hashOf(payload['grantId'])}, ${hashOf(payload['uid'])},
              ${typeof accountId === 'string' ? accountId : null}, ${signedInAt}, ${passwordRevision},
              now() + make_interval(secs => ${lifetimeS}))
      on conflict (kind, id_hash) do update set
        sealed = excluded.sealed, grant_hash = excluded.grant_hash, uid_hash = excluded.uid_hash,
        account_id = excluded.account_id, expires_at = excluded.expires_at,
        signed_in_at = case known.kind when 'Grant' then known.signed_in_at else excluded.signed_in_at end,
        password_revision =
          case known.kind when 'Grant' then known.password_revision else excluded.password_revision end`;
  }

  async find(kind: string, id: string): Promise<Payload | undefined> {
    return this.#findByHash(kind, handleHash(id));
  }

  async findByUid(kind: string, uid: string): Promise<Payload | undefined> {
    const rows = await this.#sql<Row>`
      select id_hash, sealed, consumed_s, signed_in_at, password_revision from live_records
      where kind = ${kind} and uid_hash = ${handleHash(uid)}`;
    return this.#open(kind, rows)[0];
  }

  async consume(kind: string, id: string): Promise<boolean> {
    const idHash = handleHash(id);
    const consumed = await this.#sql`
      update records set consumed_at = now()
      where kind = ${kind} and id_hash = ${idHash} and consumed_at is null returning kind`;
    if (consumed.length > 0) return true;
    await this.#endGrantBehind(kind, idHash);
    return false;
  }

  async rotate(id: string, graceS: number): Promise<Rotation> {
    const [kind, idHash, successor] = ['RefreshToken', handleHash(id), newHandle()];
    const sealed = this.#ring.seal(successor, successorPlace(idHash));
    const [rotated] = await this.#sql<{ sealedSuccessor: string }>`
      update records used set
        consumed_at = coalesce(consumed_at, now()),
        successor_hash = coalesce(successor_hash, ${handleHash(successor)}),
        sealed_successor = coalesce(sealed_successor, ${sealed})
      where kind = ${kind} and id_hash = ${idHash} and (
        consumed_at is null
        or ${graceS} > 0 and consumed_at > now() - make_interval(secs => ${graceS}) and successor_hash is not null
          and not exists (
            select from records successor
            where successor.kind = used.kind and successor.id_hash = used.successor_hash
              and successor.consumed_at is not null))
      returning sealed_successor`;
    if (rotated !== undefined)
      return { kind: 'rotated', successor: this.#ring.open(rotated.sealedSuccessor, successorPlace(idHash)) };
    const used = await this.#sql`select kind from records where kind = ${kind} and id_hash = ${idHash}`;
    return { kind: used.length > 0 ? 'reused' : 'gone' };
  }

  async destroy(kind: string, id: string): Promise<void> {
    await this.#sql`delete from records where kind = ${kind} and id_hash = ${handleHash(id)}`;
  }

  async endGrant(grantId: string): Promise<void> {
    await this.#endGrantOf(handleHash(grantId));
  }

  async hasGrant(mark: string): Promise<boolean> {
    return (await this.#findByHash('Grant', mark)) !== undefined;
  }

  async ofAccount(kind: string, accountId: string): Promise<readonly Payload[]> {
    const rows = await this.#sql<Row>`
      select id_hash, sealed, consumed_s, signed_in_at, password_revision from live_records
      where kind = ${kind} and account_id = ${accountId} order by expires_at desc limit 100`;
    return this.#open(kind, rows);
  }

  async #findByHash(kind: string, idHash: string): Promise<Payload | undefined> {
    const rows = await this.#sql<Row>`
      select id_hash, sealed, consumed_s, signed_in_at, password_revision from live_records
      where kind = ${kind} and id_hash = ${idHash}`;
    return this.#open(kind, rows)[0];
  }

  async #endGrantBehind(kind: string, idHash: string): Promise<void> {
    const [row] = await this.#sql<{ grantHash: string | null }>`
      select grant_hash from records where kind = ${kind} and id_hash = ${idHash}`;
    if (row?.grantHash) await this.#endGrantOf(row.grantHash);
  }

  async #endGrantOf(grantHash: string): Promise<void> {
    // First what lives for weeks; should telling fail, only access tokens are left, and those are over in minutes.
    const ended = await this.#sql<{ kind: string }>`
      delete from records where grant_hash = ${grantHash} or (kind = 'Grant' and id_hash = ${grantHash})
      returning kind`;
    if (ended.some(({ kind }) => kind === 'Grant')) await this.#onGrantsEnd([grantHash]);
  }

  #open(kind: string, rows: readonly Row[]): readonly Payload[] {
    return rows.flatMap(({ idHash, sealed, consumedS, ...mark }) => {
      const payload = JSON.parse(this.#ring.open(sealed, place(kind, idHash))) as Payload;
      if (!this.#signIn.reads(kind, payload, mark)) return [];
      return [consumedS === null ? payload : { ...payload, consumed: consumedS }];
    });
  }
}

function place(kind: string, idHash: string): string {
  return `record ${kind} ${idHash}`;
}

function successorPlace(idHash: string): string {
  return `successor ${idHash}`;
}

function hashOf(id: unknown): string | null {
  return typeof id === 'string' ? handleHash(id) : null;
}

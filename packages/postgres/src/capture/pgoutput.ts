import { toCamelCase } from '../names.ts';
import { valueTypes } from '../value-parsers.ts';

export type ChangeKind = 'insert' | 'update' | 'delete';
export type RowValues = Readonly<Record<string, unknown>>;

/** One row of a table as one committed transaction changed it. */
export interface RowChange {
  readonly table: string;
  readonly kind: ChangeKind;
  /** The row before; undefined for an insert. Columns in camelCase, values as `sql` gives them. */
  readonly before: RowValues | undefined;
  /** The row after; undefined for a delete. */
  readonly after: RowValues | undefined;
  /** Commit time, RFC 3339 UTC. */
  readonly committedAt: string;
}

interface Relation {
  readonly table: string;
  readonly columns: readonly { readonly name: string; readonly type: number }[];
}

/** A transaction's changes to the tables of a publication, in their order. */
export interface CapturedTransaction {
  /** Where it ends in the write-ahead log, as PostgreSQL writes it. */
  readonly endLsn: string;
  /** Commit time, RFC 3339 UTC. */
  readonly committedAt: string;
  /** The trace that the writer named, as a W3C header. */
  readonly traceparent: string | undefined;
  readonly changes: readonly RowChange[];
}

/** Prefix of the logical message by which a transaction names its trace. */
export const traceMessage = 'traceparent';

type Tuple = readonly (Uint8Array | null | undefined)[];

/** Microseconds from 1970 to 2000, where PostgreSQL's time begins. */
const postgresEpochMs = 946_684_800_000;

/**
 * Reads messages of the output plugin `pgoutput`, protocol version 1 (https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html).
 * Relations are described once, before their first change, so one reader takes the messages of one decoding, in order.
 */
export function createPgoutputReader(): { read(message: Uint8Array): CapturedTransaction | undefined } {
  return new PgoutputReader();
}

class PgoutputReader {
  readonly #relations = new Map<number, Relation>();
  #committedAt = '';
  #traceparent: string | undefined;
  #changes: RowChange[] = [];

  /** Resolves to a transaction with its last message. */
  read(bytes: Uint8Array): CapturedTransaction | undefined {
    const message = new MessageReader(bytes);
    const type = String.fromCharCode(message.byte());
    if (type === 'B') this.#begin(message);
    else if (type === 'R') this.#describe(message);
    else if (type === 'I' || type === 'U' || type === 'D') this.#change(type, message);
    else if (type === 'M') this.#hear(message);
    else if (type === 'C') return this.#commit(message);
    // The others (origin, type, truncate) change no row that is told of.
    return undefined;
  }

  #begin(message: MessageReader): void {
    message.skip(8);
    this.#committedAt = new Date(postgresEpochMs + Number(message.int64() / 1_000n)).toISOString();
    this.#traceparent = undefined;
    this.#changes = [];
  }

  /** What others tell by logical messages, or outside of the transaction, is theirs. */
  #hear(message: MessageReader): void {
    const isOfTransaction = (message.byte() & 1) !== 0;
    message.skip(8);
    if (message.text() === traceMessage && isOfTransaction) this.#traceparent = message.counted();
  }

  #describe(message: MessageReader): void {
    const id = message.int32();
    message.text();
    const table = message.text();
    message.skip(1);
    const columns = Array.from({ length: message.int16() }, () => {
      message.skip(1);
      const name = toCamelCase(message.text());
      const type = message.int32();
      message.skip(4);
      return { name, type };
    });
    this.#relations.set(id, { table, columns });
  }

  #change(type: 'I' | 'U' | 'D', message: MessageReader): void {
    const relation = this.#relations.get(message.int32());
    if (relation === undefined)
      throw new TypeError('pgoutput: a change of a relation that was not described');
    let before: Tuple | undefined;
    let after: Tuple | undefined;
    while (!message.isAtEnd) {
      const part = String.fromCharCode(message.byte());
      if (part === 'N') after = message.tuple();
      else before = message.tuple();
    }
    const kinds = { I: 'insert', U: 'update', D: 'delete' } as const;
    this.#changes.push({
      table: relation.table,
      kind: kinds[type],
      before: before && toValues(relation, before, undefined),
      // What is stored elsewhere and did not change is not sent again.
      after: after && toValues(relation, after, before),
      committedAt: this.#committedAt,
    });
  }

  #commit(message: MessageReader): CapturedTransaction {
    message.skip(9);
    const end = message.int64();
    const endLsn = `${(end >> 32n).toString(16)}/${(end & 0xffff_ffffn).toString(16)}`.toUpperCase();
    const changes = this.#changes;
    this.#changes = [];
    return { endLsn, committedAt: this.#committedAt, traceparent: this.#traceparent, changes };
  }
}

class MessageReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#at++);
  }

  int16(): number {
    this.#at += 2;
    return this.#bytes.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  int64(): bigint {
    this.#at += 8;
    return this.#bytes.readBigUInt64BE(this.#at - 8);
  }

  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  counted(): string {
    const length = this.int32();
    this.#at += length;
    return this.#bytes.toString('utf8', this.#at - length, this.#at);
  }

  /** Null for null, undefined for a value that is unchanged and not sent. */
  tuple(): Tuple {
    return Array.from({ length: this.int16() }, () => {
      const kind = String.fromCharCode(this.byte());
      if (kind === 'n') return null;
      if (kind === 'u') return undefined;
      const length = this.int32();
      this.#at += length;
      return this.#bytes.subarray(this.#at - length, this.#at);
    });
  }
}

function toValues({ columns }: Relation, tuple: Tuple, before: Tuple | undefined): RowValues {
  const values: Record<string, unknown> = {};
  for (const [index, { name, type }] of columns.entries()) {
    const value = tuple[index] === undefined ? before?.[index] : tuple[index];
    if (value === undefined) continue;
    values[name] =
      value === null ? null : valueTypes.getTypeParser(type)(Buffer.from(value).toString('utf8'));
  }
  return values;
}

import type { Duplex } from 'node:stream';
import { frameFlag, frameType, headBytes, maxPartBytes, prefixBytes, writeUint32 } from './frame.ts';

/** Writes frames to a socket: those of one turn of the event loop leave together, or as soon as they are worth a write of their own. */
export interface FrameWriter {
  /** Bytes that have been queued and that the other side has not taken yet. */
  readonly backlogBytes: number;
  /** Where the payload of the next frame can be prepared; see {@link FrameWriter.send}. */
  readonly head: Buffer;
  /**
   * Queues one message: the first `headLength` bytes of {@link FrameWriter.head}, then `text` as UTF-8. A long text travels in
   * parts that let shorter messages pass.
   */
  send(type: number, flags: number, id: number, headLength: number, text: string): void;
  /** Drops the parts of a message that have not left yet. */
  forget(id: number): void;
  /** Sends what is queued, then ends the stream. */
  end(): void;
}

export function createFrameWriter(socket: Duplex): FrameWriter {
  return new BatchingWriter(socket);
}

const chunkBytes = 65_536;
/** About 32 calls. To wait for more saves next to nothing, and the other side would stand still while this one reads on. */
const worthAWriteBytes = 8_192;
/** A text of up to this many characters fits into a part whatever they are: 3 bytes each at most. */
const surelyShort = Math.floor(maxPartBytes / 3);
/** Parts are handed over up to this backlog, so that a short message never waits behind more. */
const maxBulkBacklogBytes = 131_072;

interface Bulk {
  readonly id: number;
  readonly bytes: Buffer;
  offset: number;
}

class BatchingWriter implements FrameWriter {
  readonly head = Buffer.alloc(1_024);
  readonly #socket: Duplex;
  /** Filled chunks, without what has been sent of them. */
  readonly #full: Buffer[] = [];
  #bulk: Bulk[] = [];
  #bulkBytes = 0;
  /** Filled once from its beginning to its end, since a socket may still read from what it was given. */
  #chunk: Buffer;
  #sent = 0;
  #used = 0;
  #scheduled = false;
  #ending = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#chunk = Buffer.allocUnsafeSlow(chunkBytes);
    socket.on('drain', this.#flush);
  }

  get backlogBytes(): number {
    return this.#socket.writableLength + this.#bulkBytes;
  }

  send(type: number, flags: number, id: number, headLength: number, text: string): void {
    if (text.length <= surelyShort) this.#sendShort(type, flags, id, headLength, text);
    else this.#sendLong(type, flags, id, headLength, Buffer.from(text));
    if (this.#used - this.#sent >= worthAWriteBytes || this.#full.length > 0) this.#flush();
    else this.#schedule();
  }

  forget(id: number): void {
    if (this.#bulk.length === 0) return;
    this.#bulk = this.#bulk.filter((bulk) => bulk.id !== id);
    this.#bulkBytes = this.#bulk.reduce((sum, { bytes, offset }) => sum + bytes.length - offset, 0);
  }

  end(): void {
    this.#ending = true;
    this.#schedule();
  }

  #sendShort(type: number, flags: number, id: number, headLength: number, text: string): void {
    const start = this.#reserve(prefixBytes + headLength + text.length * 3);
    const body = start + prefixBytes + headLength;
    if (headLength > 0) this.#chunk.set(this.head.subarray(0, headLength), start + prefixBytes);
    this.#used = body + (text.length === 0 ? 0 : this.#chunk.write(text, body, 'utf8'));
    this.#writePrefix(start, type, flags, id);
  }

  #sendLong(type: number, flags: number, id: number, headLength: number, bytes: Buffer): void {
    const firstBytes = Math.min(bytes.length, maxPartBytes);
    const start = this.#reserve(prefixBytes + headLength + firstBytes);
    this.#chunk.set(this.head.subarray(0, headLength), start + prefixBytes);
    bytes.copy(this.#chunk, start + prefixBytes + headLength, 0, firstBytes);
    this.#used = start + prefixBytes + headLength + firstBytes;
    const isWhole = firstBytes === bytes.length;
    this.#writePrefix(start, type, isWhole ? flags : flags | frameFlag.more, id);
    if (isWhole) return;
    this.#bulk.push({ id, bytes, offset: firstBytes });
    this.#bulkBytes += bytes.length - firstBytes;
  }

  #writePrefix(start: number, type: number, flags: number, id: number): void {
    const chunk = this.#chunk;
    writeUint32(this.#used - start - 4, chunk, start);
    chunk[start + 4] = type;
    chunk[start + 5] = flags;
    writeUint32(id, chunk, start + 6);
  }

  /** Makes room and returns where it begins. */
  #reserve(bytes: number): number {
    if (this.#used + bytes > chunkBytes) {
      this.#takeFilled();
      this.#chunk = Buffer.allocUnsafeSlow(chunkBytes);
      this.#sent = 0;
      this.#used = 0;
    }
    return this.#used;
  }

  #takeFilled(): void {
    if (this.#used > this.#sent) this.#full.push(this.#chunk.subarray(this.#sent, this.#used));
    this.#sent = this.#used;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After all sockets that have something to read: ticks and promises come after each of them, and a write is the dearest part of a call.
    setImmediate(this.#flushScheduled);
  }

  readonly #flushScheduled = (): void => {
    this.#scheduled = false;
    this.#flush();
  };

  readonly #flush = (): void => {
    if (this.#socket.destroyed) return;
    this.#addParts();
    this.#takeFilled();
    const isMany = this.#full.length > 1;
    if (isMany) this.#socket.cork();
    for (let bytes = this.#full.shift(); bytes !== undefined; bytes = this.#full.shift())
      this.#socket.write(bytes, this.#onWritten);
    if (isMany) this.#socket.uncork();
    if (this.#ending && this.#bulk.length === 0) this.#socket.end();
  };

  readonly #onWritten = (): void => {
    if (this.#bulk.length > 0) this.#schedule();
  };

  /** One part of each long message in turn. */
  #addParts(): void {
    let roomBytes = maxBulkBacklogBytes - this.#socket.writableLength;
    while (roomBytes > 0) {
      const bulk = this.#bulk.shift();
      if (bulk === undefined) return;
      const end = Math.min(bulk.offset + maxPartBytes, bulk.bytes.length);
      const start = this.#reserve(prefixBytes + end - bulk.offset);
      bulk.bytes.copy(this.#chunk, start + prefixBytes, bulk.offset, end);
      this.#used = start + prefixBytes + end - bulk.offset;
      const isLast = end === bulk.bytes.length;
      this.#writePrefix(start, frameType.part, isLast ? 0 : frameFlag.more, bulk.id);
      roomBytes -= headBytes + end - bulk.offset;
      this.#bulkBytes -= end - bulk.offset;
      bulk.offset = end;
      if (!isLast) this.#bulk.push(bulk);
    }
  }
}

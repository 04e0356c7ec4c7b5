import { headBytes, maxFrameBytes, readUint32 } from './frame.ts';

/** One frame, as a view that is valid only while it is handled: the reader uses it again for the next. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  /** The payload is `bytes[start..end)`. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Cuts a byte stream, in whatever pieces it arrives, into frames. */
export interface FrameReader {
  /** Hands every frame that `chunk` completes to the handler. @throws Error if the bytes cannot be frames */
  push(chunk: Buffer): void;
}

export function createFrameReader(onFrame: (frame: Frame) => void): FrameReader {
  return new LengthPrefixReader(onFrame);
}

class FrameView implements Frame {
  type = 0;
  flags = 0;
  id = 0;
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
}

class LengthPrefixReader implements FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  readonly #view = new FrameView();
  /** Pieces of a frame that is not whole yet; joined once, when it is. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  /** Bytes that the frame in pieces needs before it is worth another look. */
  #wanted = 4;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    if (this.#pieceBytes === 0) {
      this.#consume(chunk);
      return;
    }
    this.#pieces.push(chunk);
    this.#pieceBytes += chunk.length;
    if (this.#pieceBytes < this.#wanted) return;
    const joined = Buffer.concat(this.#pieces, this.#pieceBytes);
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#consume(joined);
  }

  #consume(bytes: Buffer): void {
    let offset = 0;
    this.#wanted = 4;
    while (bytes.length - offset >= 4) {
      const length = readUint32(bytes, offset);
      if (length < headBytes || length > maxFrameBytes)
        throw new Error(`A frame of ${length} bytes cannot be.`);
      if (bytes.length - offset - 4 < length) {
        this.#wanted = 4 + length;
        break;
      }
      this.#emit(bytes, offset + 4, offset + 4 + length);
      offset += 4 + length;
    }
    if (offset === bytes.length) return;
    this.#pieces.push(bytes.subarray(offset));
    this.#pieceBytes = bytes.length - offset;
  }

  #emit(bytes: Buffer, start: number, end: number): void {
    const view = this.#view;
    view.bytes = bytes;
    view.type = bytes[start] ?? 0;
    view.flags = bytes[start + 1] ?? 0;
    view.id = readUint32(bytes, start + 2);
    view.start = start + headBytes;
    view.end = end;
    this.#onFrame(view);
  }
}

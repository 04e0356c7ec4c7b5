/** Reads a chunked body (RFC 9112, 7.1) as it arrives, strictly. Extensions and trailers are checked and dropped. */
export interface ChunkedBody {
  /**
   * Takes the bytes from `offset` on, and hands data to `onData`.
   * @returns offset behind what belongs to the body; -1 if more is to come; the problem if it cannot be read for certain
   */
  take(bytes: Buffer, offset: number, onData: (data: Buffer) => void): number | string;
}

/** A size with what may stand behind it; nobody needs longer ones. */
const maxLineBytes = 1_024;
const maxTrailerBytes = 16_384;
const sizeLine = /^([0-9A-Fa-f]{1,12})(?:[\t ]*;[\t\x20-\x7e]*)?$/;
const trailerLine = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;

export function createChunkedBody(): ChunkedBody {
  return new ChunkReader();
}

type State = 'size' | 'data' | 'end of data' | 'trailers';

class ChunkReader implements ChunkedBody {
  #state: State = 'size';
  /** Bytes of the chunk that are still to come; then of the line end behind it. */
  #left = 0;
  /** The part of a line that has arrived. */
  #line = '';
  #trailerBytes = 0;

  take(bytes: Buffer, start: number, onData: (data: Buffer) => void): number | string {
    let offset = start;
    while (offset < bytes.length) {
      if (this.#state === 'data') {
        const end = Math.min(offset + this.#left, bytes.length);
        onData(bytes.subarray(offset, end));
        this.#left -= end - offset;
        offset = end;
        if (this.#left === 0) this.#state = 'end of data';
        continue;
      }
      const end = bytes.indexOf(lineFeed, offset);
      this.#line += bytes.toString('latin1', offset, end < 0 ? bytes.length : end);
      if (this.#line.length > maxLineBytes) return 'a line of the chunked body is too long';
      if (end < 0) return -1;
      offset = end + 1;
      if (this.#line.charCodeAt(this.#line.length - 1) !== carriageReturn)
        return 'a chunk has a bare line feed';
      const line = this.#line.slice(0, -1);
      this.#line = '';
      const outcome = this.#takeLine(line);
      if (typeof outcome === 'string') return outcome;
      if (outcome) return offset;
    }
    return -1;
  }

  /** True after the last line; the problem in words if there is one. */
  #takeLine(line: string): boolean | string {
    if (this.#state === 'end of data') {
      this.#state = 'size';
      return line === '' ? false : 'a chunk is longer than it says';
    }
    if (this.#state === 'size') {
      const size = sizeLine.exec(line)?.[1];
      if (size === undefined) return 'the size of a chunk is malformed';
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? 'trailers' : 'data';
      return false;
    }
    if (line === '') return true;
    this.#trailerBytes += line.length;
    if (this.#trailerBytes > maxTrailerBytes) return 'the trailers are too long';
    return trailerLine.test(line) ? false : 'a trailer is malformed';
  }
}
